from __future__ import annotations

import io

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from renzheng.errors import InvalidInput
from renzheng.faces.alignment import TEMPLATES
from renzheng.training.backbones import BACKBONES, cost, get, load_state

# Trunks by torchvision's published num_params (docs, "Models and pre-trained weights"), less the
# classifiers: 512 x 1000 + 1000 for resnet18, 123,642,856 for VGG, and so on. InceptionResnetV1
# without logits as torchinfo counts facenet-pytorch's. IResNets with the head, as users of
# arcface_torch count them; InsightFace's ONNX files have a few more or fewer, with normalisations
# folded. MobileFaceNet: 0.99 million and 221 million multiply-adds in the paper and its followers.
PUBLISHED_TRUNKS = {
    "resnet-18": 11_689_512 - 513_000,
    "resnet-34": 21_797_672 - 513_000,
    "resnet-50": 25_557_032 - 2_049_000,
    "resnet-101": 44_549_160 - 2_049_000,
    "resnet-152": 60_192_808 - 2_049_000,
    "vgg-11": 132_868_840 - 123_642_856,
    "vgg-16": 138_365_992 - 123_642_856,
    "vgg-19": 143_678_248 - 123_642_856,
    "densenet-121": 7_978_856 - 1_025_000,
    "densenet-169": 14_149_480 - 1_665_000,
}
PUBLISHED = {
    "inception-resnet-v1": 23_482_624,
    "iresnet-18": 24_025_600,
    "iresnet-50": 43_590_848,
    "iresnet-100": 65_156_160,
}

# What runs with numbers, and at what size: every family and every kind of block. The others only
# repeat more often; where the size is free, a small one is faster.
SIZES = {
    "inception-resnet-v1": 96,
    "resnet-18": 64,
    "resnet-50": 64,
    "iresnet-18": 112,
    "vgg-11": 64,
    "densenet-121": 64,
    "mobilefacenet": 112,
    "mobilefacenet-insightface": 112,
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    # On busy cores OpenMP's threads wait for one another: two take 20 times as long as one.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def on_meta(name: str, **options: object):
    with torch.device("meta"):
        return get(name).build(**options)


def pictures(name: str, count: int, *, device: str = "cpu", size: int | None = None):
    size = size or get(name).input_size
    return torch.rand(count, 3, size, size, device=device) * 2 - 1


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_embeds_at_its_size(name):
    backbone = get(name)
    network = on_meta(name)
    assert network(pictures(name, 2, device="meta")).shape == (2, backbone.dimension)
    assert network.dimension == backbone.dimension
    assert on_meta(name, dimension=96)(pictures(name, 2, device="meta")).shape == (2, 96)
    assert any(each.startswith(network.head[0]) for each in network.state_dict())


@pytest.mark.parametrize("name", SIZES)
def test_training_reaches_every_parameter(name):
    torch.manual_seed(0)
    network = get(name).build()
    embeddings = network(pictures(name, 3, size=SIZES[name]))
    assert embeddings.isfinite().all()
    # Normalised over the batch: no embedding is all of one sign, as pooled ReLU outputs would be.
    assert (embeddings < 0).any()
    (embeddings * torch.randn_like(embeddings)).sum().backward()
    for key, parameter in network.named_parameters():
        if not parameter.requires_grad:
            assert key == "features.weight"
            continue
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        # Biases before a normalisation have no effect; weights all have one.
        assert parameter.ndim == 1 or parameter.grad.abs().max() > 0, key
    with torch.no_grad():
        assert network.eval()(pictures(name, 1, size=SIZES[name])).isfinite().all()


@pytest.mark.parametrize("name", [*PUBLISHED_TRUNKS, *PUBLISHED])
def test_parameters_are_the_published_ones(name):
    network = on_meta(name)
    head = tuple(f"{layer}." for layer in network.head)
    trunk = sum(
        each.numel() for key, each in network.named_parameters() if not key.startswith(head)
    )
    if name in PUBLISHED:
        assert sum(each.numel() for each in network.parameters()) == PUBLISHED[name]
    else:
        assert trunk == PUBLISHED_TRUNKS[name]


@pytest.mark.parametrize(
    ("name", "parameters", "flops"),
    [
        ("mobilefacenet", 1.00e6, 221e6),  # Chen et al. 2018; SeesawFaceNets, arXiv:1908.09124
        ("iresnet-50", 43.6e6, 6.33e9),  # counted by users of arcface_torch's code
        ("iresnet-100", 65.2e6, 12.13e9),
    ],
)
def test_costs_are_the_published_ones(name, parameters, flops):
    measured = get(name).cost()
    assert measured.parameters == pytest.approx(parameters, rel=0.01)
    assert measured.multiply_adds == pytest.approx(flops, rel=0.01)


def test_cost_counts_multiply_adds_and_leaves_the_module_alone():
    layer = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)).train()
    measured = cost(layer, 10)
    assert measured.parameters == 3 * 8 * 9 + 8 + 16
    assert measured.multiply_adds == 10 * 10 * 3 * 8 * 9
    assert layer.training
    assert layer[0].weight.device.type == "cpu"


def test_names_are_those_of_facenet_pytorch():
    state = on_meta("inception-resnet-v1").state_dict()
    expected = {
        "conv2d_1a.conv.weight": (32, 3, 3, 3),
        "conv2d_4b.bn.running_var": (256,),
        "repeat_1.0.branch2.2.conv.weight": (32, 32, 3, 3),
        "repeat_1.4.conv2d.bias": (256,),
        "mixed_6a.branch0.conv.weight": (384, 256, 3, 3),
        "mixed_6a.branch1.2.bn.num_batches_tracked": (),
        "repeat_2.9.branch1.1.conv.weight": (128, 128, 1, 7),
        "repeat_2.9.branch1.2.conv.weight": (128, 128, 7, 1),
        "mixed_7a.branch2.2.bn.bias": (256,),
        "repeat_3.0.branch0.bn.weight": (192,),
        "block8.branch1.1.conv.weight": (192, 192, 1, 3),
        "block8.conv2d.weight": (1792, 384, 1, 1),
        "last_linear.weight": (512, 1792),
        "last_bn.running_mean": (512,),
    }
    for key, shape in expected.items():
        assert tuple(state[key].shape) == shape, key
    # 111 convolutions with 6 tensors each (weight and 5 of the normalisation): 6 in the stem, 6 in
    # each of 5 Block35, 4 in mixed_6a, 4 in each of 10 Block17, 7 in mixed_7a, 4 in each of 6
    # Block8. Then weight and bias of 21 blocks' conv2d, last_linear, and last_bn's 5.
    assert len(state) == 111 * 6 + 21 * 2 + 1 + 5


def test_names_are_those_of_insightface():
    state = on_meta("iresnet-50").state_dict()
    expected = {
        "conv1.weight": (64, 3, 3, 3),
        "prelu.weight": (64,),
        "layer1.0.downsample.0.weight": (64, 64, 1, 1),
        "layer2.0.bn1.weight": (64,),
        "layer3.13.conv2.weight": (256, 256, 3, 3),
        "layer3.13.prelu.weight": (256,),
        "layer4.2.bn3.running_mean": (512,),
        "layer4.0.downsample.1.num_batches_tracked": (),
        "bn2.weight": (512,),
        "fc.weight": (512, 25088),
        "fc.bias": (512,),
        "features.running_var": (512,),
    }
    for key, shape in expected.items():
        assert tuple(state[key].shape) == shape, key
    # conv1, bn1, prelu; 24 blocks of 3 normalisations, 2 convolutions and a PReLU; 4 shortcuts;
    # bn2, fc, features.
    assert len(state) == 7 + 24 * (3 * 5 + 2 + 1) + 4 * 6 + 5 + 2 + 5


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("resnet-18", "layer4.0.downsample.0.weight", (512, 256, 1, 1)),
        ("resnet-50", "layer1.0.downsample.1.bias", (256,)),
        ("resnet-50", "layer2.0.conv3.weight", (512, 128, 1, 1)),
        ("vgg-11", "features.25.weight", (512, 512, 3, 3)),
        ("vgg-16", "features.41.running_mean", (512,)),
        ("vgg-19", "features.49.bias", (512,)),
        ("densenet-121", "features.denseblock4.denselayer16.conv1.weight", (128, 992, 1, 1)),
        ("densenet-121", "features.transition3.conv.weight", (512, 1024, 1, 1)),
        ("densenet-169", "features.norm5.weight", (1664,)),
    ],
)
def test_names_are_those_of_torchvision(name, key, shape):
    assert tuple(on_meta(name).state_dict()[key].shape) == shape


def test_inputs_are_what_each_checkpoint_was_trained_with():
    for backbone in BACKBONES.values():
        assert TEMPLATES[backbone.template].size == backbone.input_size
    facenet, insightface = get("inception-resnet-v1"), get("iresnet-50")
    assert (255 - facenet.mean) * facenet.scale == (255 - 127.5) / 128
    assert (255 - insightface.mean) * insightface.scale == pytest.approx((255 / 255 - 0.5) / 0.5)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(
        InvalidInput, match=r"unknown backbone 'resnet-19'.*resnet-18.*mobilefacenet"
    ):
        get("resnet-19")
    with pytest.raises(InvalidInput, match=r"resnet-18 has no option 'dropout'; its options: none"):
        get("resnet-18").build(dropout=0.1)
    with pytest.raises(InvalidInput, match="no option 'depth'; its options: dropout"):
        get("iresnet-50").build(depth=18)
    with pytest.raises(InvalidInput, match="must be at least 1, not 0"):
        get("mobilefacenet").build(0)
    with pytest.raises(InvalidInput, match="prelu or leaky, not 'relu'"):
        get("mobilefacenet").build(activation="relu")


def test_options_have_their_defaults():
    assert get("inception-resnet-v1").options == {"dropout": 0.6}
    assert get("mobilefacenet").options == {"activation": "prelu"}
    assert get("inception-resnet-v1").build(dropout=0.1).dropout.p == 0.1


def test_load_state_drops_the_classifier_and_the_wrapper():
    torch.manual_seed(0)
    source, target = get("resnet-18").build(8), get("resnet-18").build(8)
    state = {f"module.{key}": value for key, value in source.state_dict().items()}
    state["module.fc.weight"] = torch.zeros(1000, 512)
    state.pop("module.bn1.num_batches_tracked")
    assert load_state(target, state) == ("fc.weight",)
    for key, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[key]), key


def test_load_state_knows_fc_as_a_layer_where_it_is_one():
    network = on_meta("iresnet-18")
    state = network.state_dict()
    del state["fc.weight"]
    with pytest.raises(InvalidInput, match=r"does not fit IResNet: it lacks fc\.weight \("):
        load_state(network, state)


def test_load_state_can_leave_the_head_alone():
    torch.manual_seed(0)
    source, target = get("resnet-18").build(8), get("resnet-18").build(16)
    before = target.embedding.linear.weight.clone()
    with pytest.raises(InvalidInput, match=r"misshapen embedding\.linear\.weight \(8, 512\) inst"):
        load_state(target, source.state_dict())
    dropped = load_state(target, source.state_dict(), trunk_only=True)
    assert {name.split(".")[0] for name in dropped} == {"embedding"}
    assert torch.equal(target.embedding.linear.weight, before)
    assert torch.equal(target.conv1.weight, source.conv1.weight)


def test_load_state_refuses_another_backbone_and_changes_nothing():
    torch.manual_seed(0)
    target = get("resnet-18").build()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(InvalidInput) as caught:
        load_state(target, get("mobilefacenet").build().state_dict())
    message = str(caught.value)
    assert "lacks conv1.weight, bn1.weight, bn1.bias and " in message
    assert "has unknown stem.conv.weight, stem.norm.weight" in message
    assert "another backbone" in message
    for key, value in target.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_load_state_refuses_what_is_no_state_dict():
    network = on_meta("mobilefacenet")
    with pytest.raises(InvalidInput, match=r"state_dict is no tensor.*state dict itself"):
        load_state(network, {"state_dict": network.state_dict()})


def test_load_state_reads_the_old_names_of_densenet():
    torch.manual_seed(0)
    network = get("densenet-121").build()
    state = network.state_dict()
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for key, value in state.items()
        if not key.startswith("embedding.")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert load_state(network, old, trunk_only=True) == ()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch on its own TorchScript exporter
@pytest.mark.parametrize("activation", ["prelu", "leaky"])
def test_mobilefacenet_is_the_same_in_onnx(activation):
    torch.manual_seed(0)
    network = get("mobilefacenet").build(activation=activation)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.momentum = 1.0  # so that one batch gives statistics as training would
    with torch.no_grad():
        network(pictures("mobilefacenet", 6))
    network.eval()
    file = io.BytesIO()
    torch.onnx.export(
        network,
        (pictures("mobilefacenet", 1),),
        file,
        dynamo=False,
        input_names=["pictures"],
        output_names=["embeddings"],
        dynamic_axes={"pictures": {0: "n"}, "embeddings": {0: "n"}},
    )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        batch = pictures("mobilefacenet", count)
        with torch.no_grad():
            expected = network(batch).numpy()
        (given,) = session.run(None, {"pictures": batch.numpy()})
        assert given.shape == (count, 128)
        assert 0.1 < np.abs(expected).mean() < 10  # the tolerance means something
        np.testing.assert_allclose(given, expected, atol=1e-4)
