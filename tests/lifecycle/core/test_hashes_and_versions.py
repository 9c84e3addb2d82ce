import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.hashes_and_versions import lineage, versions
from lifecycle.models.families import FAMILIES


def test_lineage_is_the_md5_of_the_bytes(tmp_path):
    (tmp_path / "model.joblib").write_bytes(b"hello")
    (file,) = lineage([str(tmp_path / "model.joblib")])
    assert (file.md5, file.size) == ("5d41402abc4b2a76b9719d911017c592", 5)


def test_versions_are_the_locked_ones_and_those_of_the_models_library():
    lock = "".join(f"{name}==1.{place} \\\n    --hash=sha256:00\n" for place, name in enumerate(
        ("lightgbm", "numpy", "pandas", "scikit-learn"))
    )  # fmt: skip
    assert versions(lock, FAMILIES["extra_trees"].package) == {"scikit-learn": "1.3", "numpy": "1.1", "pandas": "1.2"}
    assert versions(lock, FAMILIES["lightgbm"].package)["lightgbm"] == "1.0"
    with pytest.raises(PipelineError, match="xgboost-cpu is not locked"):
        versions(lock, FAMILIES["xgboost"].package)
