"""The device is what was asked for, or an error says why not."""

import pytest

from interface_node.engine import providers
from interface_node.errors import ProviderUnavailable

why_not = providers.why_not_cuda(0)


def test_the_cpu_is_always_there() -> None:
    assert providers.choose("cpu").label == "cpu"


@pytest.mark.skipif(not why_not, reason="this machine has CUDA")
def test_cuda_that_is_missing_is_an_error_that_names_the_missing_library() -> None:
    with pytest.raises(ProviderUnavailable, match=r"lib\w+\.so(\.\d+)* is missing"):
        providers.choose("cuda")


@pytest.mark.skipif(not why_not, reason="this machine has CUDA")
def test_auto_takes_the_cpu_and_says_so_when_cuda_is_missing() -> None:
    assert providers.choose("auto").label == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(bool(why_not), reason=f"NO GPU IS TESTED: {why_not}")
def test_auto_takes_cuda_where_it_works() -> None:
    assert providers.choose("auto").label == "cuda:0"


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:-1", ""])
def test_an_unknown_device_is_an_error_with_the_choices(device: str) -> None:
    with pytest.raises(ProviderUnavailable, match="auto, cpu, cuda"):
        providers.choose(device)
