import acflib
from acflib.predict.pretrained import pretrained_info

info = pretrained_info("streets-acf-sum")
model = acflib.load_pretrained("streets-acf-sum")
told = {"license": "apache-2.0", "data": info["data"], "metrics": info["metrics"]}
folder = acflib.save_pretrained(model, "my-streets", **told, notes="Trained for a course.")
again = acflib.load_pretrained(folder)
print(sorted(path.name for path in folder.iterdir()))
print([line for line in (folder / "README.md").read_text().splitlines() if "**mean**" in line][0])
print("parameters:", sum(parameter.numel() for parameter in again.parameters()))
