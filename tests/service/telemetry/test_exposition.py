from pathlib import Path

import psutil
import pytest

from tests.service.helpers_serving import service, small_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("exposition") / "bundle")


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_are_measured_as_prometheus_has_it(bundle: Path, tmp_path: Path, workers: int) -> None:
    with service(tmp_path, bundle, "--workers", str(workers)) as found:
        for worker in range(workers):
            found.find("listening", service_node_name=str(worker))
        family = psutil.Process(found.process.pid)
        served = [family] if workers == 1 else family.children()
        resident = sum(each.memory_info().rss for each in served)
        assert 0.5 * resident < found.metric("process_resident_memory_bytes") < 2 * resident
        assert found.metric("process_cpu_seconds_total") > 0
        assert found.metric("process_open_fds") >= workers * 5
        for process in range(workers):
            start = found.metric("process_start_time_seconds", process=str(process))
            assert min(abs(start - each.create_time()) for each in served) < 5
