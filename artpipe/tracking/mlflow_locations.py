"""Correct where MLflow's own store says that files lie, after a move or a copy.

MLflow notes every place as an absolute address. In a project that was copied these would be places of the original:
pictures would be read there, and written there.
"""

import contextlib
import sqlite3
from pathlib import Path

_ARTIFACTS = "artifacts"
_COLUMNS = {  # of its database, by table
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


def update_locations(folder: Path) -> int:
    """Let every address in a store lead into its own folder; return the changed rows.

    Only what lies in the `artifacts` folder beside such a database is concerned; a store on a server is not.

    Args:
        folder: the store's folder, `.state/mlflow` of a project, as an absolute path.
    """
    database, wanted = folder / "mlflow.db", (folder / _ARTIFACTS).as_uri()
    if not database.is_file():
        return 0
    with contextlib.closing(sqlite3.connect(database, timeout=60.0)) as connection, connection:
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
        if "experiments" not in tables:  # not migrated yet
            return 0
        former = {
            str(location)
            for (location,) in connection.execute("select artifact_location from experiments")
            if location
            and str(location) != wanted
            and str(location).endswith(f"/{folder.parent.name}/{folder.name}/{_ARTIFACTS}")
        }
        return sum(_replace(connection, tables, location, wanted) for location in sorted(former))


def _replace(connection: sqlite3.Connection, tables: set[str], former: str, wanted: str) -> int:
    """Replace an address, and the beginning of those below it."""
    count = 0
    for table in tables & _COLUMNS.keys():
        names = {row[1] for row in connection.execute(f"pragma table_info({table})")}
        for column in names & set(_COLUMNS[table]):
            statement = (
                f"update {table} set {column} = ? || substr({column}, ?)"  # noqa: S608 - names of our own
                f" where {column} = ? or substr({column}, 1, ?) = ?"
            )
            values = (wanted, len(former) + 1, former, len(former) + 1, f"{former}/")
            count += connection.execute(statement, values).rowcount
    return count
