"""What ``acflib train`` shows at its end."""

from acflib import distributed
from acflib.datasets import open_dataset
from acflib.engine.config import TrainConfig
from acflib.engine.files import replacing
from acflib.errors import AcflibError, package_fault
from acflib.predict.predicting import prediction_sheet
from acflib.training import TrainResult


def report(config: TrainConfig, result: TrainResult) -> None:
    """Print the scores, and write pictures of the curve and of predictions (first process only)."""
    if distributed.env_rank() > 0:
        return
    if result.scores is not None:
        print(result.scores.table())
        picture = result.folder / "predictions.png"
        sheet = prediction_sheet(result.model.eval(), open_dataset(config.data, config.val_split))
        with replacing(picture) as temporary:
            sheet.save(temporary, "PNG")
        print(f"predictions: {picture}")
    try:
        from acflib.study.figures import save_training_curve

        print(f"curve: {save_training_curve(result.folder)}")
    except (AcflibError, BrokenPipeError):
        raise
    except Exception as error:
        print(f"no picture of the curve: {package_fault('matplotlib', error)}")
    print(f"checkpoint: {result.folder / 'checkpoint.pt'}")
