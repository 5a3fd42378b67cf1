"""The model card of a shared network: the README of its folder, as model hubs show it."""

import json
from typing import Any

MADE_BY = "<!-- made by acflib; save_pretrained writes this file anew -->"
PAPER = "Attentional Class Feature Network (Zhang et al., ICCV 2019)"
NO_SCORES = "No scores were given with these weights."


def model_card(name: str, config: dict[str, Any], notes: str) -> str:
    """The text of the card, Markdown behind a YAML header.

    Args:
        name: of the network.
        config: what ``config.json`` holds, see :func:`acflib.predict.sharing.save_pretrained`.
        notes: Markdown of the author's own.
    """
    model, data = config["model"], config["data"]
    kind = "base network alone" if model["variant"] is None else f"ACF ({model['variant']})"
    size = f"{len(config['classes'])} classes, {config['parameters']:,} parameters"
    described = ", ".join(f"{key}: {_short(value)}" for key, value in data.items() if key != "name")
    made = [
        f"- **data**: {data['name']}" + (f" ({described})" if described else ""),
        f"- **license**: {config['license']}. Weights may also come under the terms of the data they were trained on.",
        f"- **training**: {config['position']} optimizer steps; all settings are in `config.json`.",
        *([f"- **command**: `{config['command']}`"] if config["command"] else []),
    ]
    parts = [
        f"---\n{_header(name, config)}---\n{MADE_BY}",
        f"# {name}",
        f"{PAPER}: `{model['backbone']}`, {kind}, {size}.",
        *([notes.strip()] if notes.strip() else []),
        "## Use",
        "With this folder, or its name on a hub:",
        f'```python\nimport acflib\n\nmodel = acflib.load_pretrained("{name}")\n```',
        "Images are RGB, normalized with the mean and standard deviation of ImageNet; `config.json` has both.",
        "## Scores",
        _scores(config["metrics"], config["classes"]),
        "## How it was made",
        "\n".join(made),
    ]
    return "\n\n".join(parts) + "\n"


def _header(name: str, config: dict[str, Any]) -> str:
    """The YAML that a hub reads. JSON is YAML too, so each value is written as JSON."""
    results = [
        {
            "task": {"type": "image-segmentation"},
            "dataset": {"name": config["data"]["name"], "type": _slug(config["data"]["name"]), "split": split},
            "metrics": [
                {
                    "type": "mean_iou",
                    "name": f"mIoU in %, {part}{_how(scores)}",
                    "value": round(scores[f"miou_{part}"], 2),
                }
                for part in ("fine", "coarse")
                if scores.get(f"miou_{part}") is not None
            ],
        }
        for split, scores in config["metrics"].items()
    ]
    header = {
        "library_name": "acflib",
        "license": config["license"],
        "pipeline_tag": "image-segmentation",
        "tags": ["acfnet", "semantic-segmentation", "pytorch"],
    }
    if results:
        header["model-index"] = [{"name": name, "results": results}]
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in header.items())


def _scores(metrics: dict[str, dict], classes: list[str]) -> str:
    """A table: IoU in % by class, a column for each split and result."""
    columns = [
        (f"{split}, {part}{_how(scores)}", scores[f"miou_{part}"], scores[f"iou_{part}"])
        for split, scores in metrics.items()
        for part in ("fine", "coarse")
        if scores.get(f"miou_{part}") is not None
    ]
    if not columns:
        return NO_SCORES
    rows = [["IoU in %", *(title for title, _, _ in columns)], ["---", *["---:"] * len(columns)]]
    rows += [["**mean**", *(f"**{mean:.2f}**" for _, mean, _ in columns)]]
    rows += [[name, *(_cell(by_class.get(name)) for _, _, by_class in columns)] for name in classes]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _how(scores: dict[str, Any]) -> str:
    """How the images were segmented, where it was not in one pass: " (6 scales, flip, window 769 x 769)"."""
    found = scores.get("inference") or {}
    scales, window = found.get("scales") or [1.0], found.get("window")
    parts = [f"scale {scales[0]:g}" if len(scales) == 1 else f"{len(scales)} scales"] if list(scales) != [1.0] else []
    parts += ["flip"] * bool(found.get("flip")) + ([f"window {window[0]} x {window[1]}"] if window else [])
    return f" ({', '.join(parts)})" if parts else ""


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _short(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
