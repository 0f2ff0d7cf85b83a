"""Write docs/features.md from the starter's features: ``python docs/features.py``."""

from pathlib import Path

from riskwarn.feature import page

HERE = Path(__file__).parent

if __name__ == "__main__":
    (HERE / "features.md").write_text(page(HERE.parent / "features"), "utf-8")
