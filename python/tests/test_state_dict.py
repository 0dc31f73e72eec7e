"""A network that Kiln saves goes into PyTorch, name by name, and gives the same there.

Needs torch and safetensors, and cargo to run the example that saves the network."""

import subprocess
import sys

import pytest
from peers import ROOT, cargo, peer

torch = peer("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

sys.path.insert(0, str(ROOT / "tests" / "goldens"))
from resnet import ResNet  # noqa: E402


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The state, and an input with its output."""
    folder = tmp_path_factory.mktemp("state")
    state, io = folder / "net.safetensors", folder / "io.safetensors"
    cargo("build", "--example", "resnet_state")
    subprocess.run([ROOT / "target" / "debug" / "examples" / "resnet_state", state, io, "cpu"], check=True)
    return state, load_file(io)


def test_strict_loading_gives_the_same_outputs(saved):
    state, io = saved
    net = ResNet()
    net.load_state_dict(load_file(state), strict=True)
    net.eval()
    with torch.no_grad():
        torch.testing.assert_close(net(io["x"]), io["y"], rtol=1e-5, atol=1e-5)


def test_every_tensor_has_torchs_dtype_and_shape(saved):
    state, _ = saved
    wanted = {name: (value.dtype, value.shape) for name, value in ResNet().state_dict().items()}
    assert {name: (value.dtype, value.shape) for name, value in load_file(state).items()} == wanted


def test_the_statistics_were_saved(saved):
    state = load_file(saved[0])
    assert state["bn1.num_batches_tracked"] == 3
    assert state["layer2.0.downsample.1.running_mean"].abs().sum() > 0


def test_the_file_is_the_one_that_safetensors_writes(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_file(load_file(saved[0]), again)
    assert again.read_bytes() == saved[0].read_bytes()
