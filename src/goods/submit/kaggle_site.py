"""A submission sent to a contest on Kaggle with its official client, which finds the user's credentials itself.

Nothing that the client prints is shown: in its verbose mode it tells what it sends, credentials among it.
"""

from __future__ import annotations

import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from goods.core.errors import GoodsError

VERBOSE = ("--verbose", "-v")


def kaggle_client() -> Any:
    """The client, signed in; GoodsError where it is not installed or has no credentials."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            from kaggle.api.kaggle_api_extended import KaggleApi

            client = KaggleApi()
            client.args = [option for option in client.args if option not in VERBOSE]
            client.authenticate()
    except ImportError as error:
        raise GoodsError(
            f"--kaggle: the package kaggle is not installed ({error.name}); pip install 'goods[kaggle]', or "
            "upload the file by hand"
        ) from None
    except SystemExit:
        raise GoodsError(
            "--kaggle: no credentials; put those of your account where the kaggle package looks for them "
            "(KAGGLE_USERNAME and KAGGLE_KEY, or kaggle.json)"
        ) from None
    return client


def upload(client: Any, result: Path, contest: str, message: str) -> str:
    """Send the rows of result.parquet as submission.csv; what the site says."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "submission.csv"
        as_asked = result.with_suffix(".csv")  # where the contest takes a CSV of its own
        if as_asked.is_file():
            shutil.copyfile(as_asked, file)
        else:
            pd.read_parquet(result).to_csv(file, index=False)
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                said = client.competition_submit(str(file), message, contest, quiet=True)
        except (OSError, ValueError) as error:  # of requests are OSErrors
            raise GoodsError(
                f"--kaggle {contest}: not sent, {reason(error)}; upload {result} by hand"
            ) from None
    if said.message == client.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
        raise GoodsError(f"--kaggle {contest}: not sent, the upload failed; upload {result} by hand")
    return str(said.message)


def reason(error: Exception) -> str:
    """What an error is, without what was sent: an address may hold a token."""
    response = getattr(error, "response", None)
    if response is None:
        return f"no answer ({type(error).__name__})"
    hint = {401: ": credentials are not taken", 403: ": accept the contest's rules", 404: ": no such contest"}
    return f"status {response.status_code}{hint.get(response.status_code, '')}"
