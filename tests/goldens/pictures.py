"""Writes small pictures, and what Pillow makes of them: python tests/goldens/pictures.py

The files go to `tests/data/pictures`, their pixels and those of their resized versions to `pictures.npz`."""

import pathlib

import numpy as np
from PIL import Image

here = pathlib.Path(__file__).parent
folder = here.parent / "data" / "pictures"
folder.mkdir(exist_ok=True)
random = np.random.default_rng(0)
HEIGHT, WIDTH = 13, 19
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
# Smooth in one channel, noise in the others.
smooth = (255 * (0.5 + 0.5 * np.sin(x / 3) * np.cos(y / 4))).astype(np.uint8)
noise = random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
rgb = np.dstack([smooth, noise[..., :2]])
alpha = np.clip(x * 20, 0, 255).astype(np.uint8)
pictures = {
    "rgb": Image.fromarray(rgb),
    "gray": Image.fromarray(smooth),
    "gray_alpha": Image.fromarray(np.dstack([smooth, alpha])),
    "rgba": Image.fromarray(np.dstack([rgb, alpha])),
    "palette": Image.fromarray(rgb).quantize(16),
    "bits": Image.fromarray(smooth).convert("1"),
    "gray16": Image.fromarray((smooth.astype(np.uint16) << 8) + noise[..., 0]),
}
arrays = {}
for name, picture in pictures.items():
    picture.save(folder / f"{name}.png")
    picture = Image.open(folder / f"{name}.png")
    if picture.mode == "P":
        picture = picture.convert("RGB")
    if picture.mode == "1":
        picture = picture.convert("L")
    pixels = np.asarray(picture)
    arrays[name] = pixels.astype(np.uint16) if name == "gray16" else pixels
    if name in ("rgb", "rgba", "gray_alpha"):
        arrays[f"{name}.L"] = np.asarray(picture.convert("L"))
    if name == "bits" or name == "palette" or name == "gray16":
        continue
    for height, width in ((7, 9), (26, 40), (5, 19), (1, 1), (13, 3)):
        for filter in ("NEAREST", "BILINEAR"):
            resized = picture.resize((width, height), Image.Resampling[filter])
            arrays[f"{name}.{filter}.{height}.{width}"] = np.asarray(resized)
# The camera was held sideways; nobody turns the picture.
exif = Image.Exif()
exif[0x0112] = 6
gray = Image.fromarray(np.dstack([smooth] * 3))
gray.save(folder / "sideways.jpg", quality=95, subsampling=0, exif=exif)
arrays["sideways"] = np.asarray(Image.open(folder / "sideways.jpg"))
np.savez_compressed(here / "pictures.npz", **arrays)
