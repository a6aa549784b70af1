"""Fixtures that every test may use."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported; tests run beside each other

import pytest
from hypothesis import settings

# The same examples everywhere, however busy the machine.
settings.register_profile("melies", deadline=None, derandomize=True)
settings.load_profile("melies")


def pytest_collection_finish() -> None:
    """Keep thousands of tests out of what is searched for garbage, which every encoder does when it has finished."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def footage() -> Path:
    """Folder of real footage that is not part of the project; tests that need it skip when it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MELIES_TEST_DATA", default))
    if not (folder / "footage").is_dir():
        pytest.skip("real footage is not here: set MELIES_TEST_DATA to a folder that holds footage/ and faces/")
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_thread_for_models() -> Iterator[None]:
    """Tests run beside each other: threads of a model that wait for one another would only take the cores from them."""
    from melies.models import runtime

    with runtime.options(threads=1):
        yield


@pytest.fixture(scope="session", autouse=True)
def own_credentials(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A certificate for signing that is made for the tests, so that none appears in the user's own folders."""
    from melies.provenance import credentials

    if credentials.installed():
        folder = tmp_path_factory.mktemp("credentials")
        chain, key = credentials.make()
        (folder / "chain.pem").write_bytes(chain)
        (folder / "key.pem").write_bytes(key)
        os.environ["MELIES_CREDENTIALS"] = str(folder)
