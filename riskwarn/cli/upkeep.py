"""The verbs that keep a store in order."""

from riskwarn.cli.options import Json, StoreFolder, example, verbs
from riskwarn.cli.shared import open_store, say

app = verbs()


@app.command(epilog=example("riskwarn migrate --store city"))
def migrate(*, store: StoreFolder = None, json: Json = False) -> None:
    """Bring a store of an older version up to today's format."""
    opened = open_store(store)
    done = opened.migrate()
    lines = done or [f"{opened.path}: store format {opened.format}, nothing to do."]
    say({"store": str(opened.path), "format": opened.format, "done": done}, "\n".join(lines), as_json=json)
