"""Writes the goldens of the layer of attention with several heads: python tests/goldens/attention.py"""

import torch
from golden import *

SIZES = {"self": (8, 2, None, None), "cross": (6, 3, 4, 5), "plain": (4, 1, None, None)}


def heads(kind, q, k, v, bias=True, attn_mask=None, key_padding_mask=None, **options):
    """Inputs: query, key, value, then the masks. The parameters stand in the arguments."""
    size, count, kdim, vdim = SIZES[kind]
    layer = torch.nn.MultiheadAttention(size, count, bias=bias, kdim=kdim, vdim=vdim, batch_first=True, dtype=f64)
    params = {n: draw(tuple(p.shape), -1, 1, dtype=f64) for n, p in layer.named_parameters()}
    masks = {n: m for n, m in (("attn_mask", attn_mask), ("key_padding_mask", key_padding_mask)) if m is not None}

    def f(q, k, v, *rest):
        m = dict(zip(masks, rest))
        # PyTorch wants to be told the causal mask besides.
        if options.get("is_causal"):
            m["attn_mask"] = torch.triu(torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool), 1)
        return torch.func.functional_call(layer, params, (q, k, v), {**m, **options, "average_attn_weights": True})

    args = {"sizes": [size, count, kdim or size, vdim or size], "params": {n: encode(p) for n, p in params.items()}, "masks": list(masks), **options}
    case("multi_head_attention", f, q, k, v, *masks.values(), args=args, norm=True, double=True)


def three(*shape):
    x = draw(shape)
    return x, x, x


heads("self", *three(2, 5, 8))
heads("self", *three(4, 8), bias=False)
heads("self", *three(1, 1, 8))
heads("self", draw((2, 3, 8)), draw((2, 4, 8)), draw((2, 4, 8)))
heads("self", *three(2, 4, 8), is_causal=True)
heads("plain", *three(2, 3, 4), attn_mask=of([[0, 1, 0], [0, 0, 1], [1, 0, 0]], boolean))
heads("self", *three(1, 3, 8), attn_mask=draw((2, 3, 3)))
heads("self", draw((2, 3, 8)), draw((2, 2, 8)), draw((2, 2, 8)), key_padding_mask=of([[0, 1], [0, 0]], boolean))
heads("self", *three(2, 3, 8), attn_mask=draw((3, 3)), key_padding_mask=draw((2, 3)))
heads("cross", draw((2, 3, 6)), draw((2, 5, 4)), draw((2, 5, 5)))
heads("cross", draw((2, 3, 6)), draw((2, 3, 4)), draw((2, 3, 5)), bias=False, is_causal=True)
write("heads")
