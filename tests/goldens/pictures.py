"""Writes small pictures, and what Pillow makes of them: python tests/goldens/pictures.py

The files go to `tests/data/pictures`, their pixels and those of their resized versions to `pictures.npz`."""

import io
import pathlib
import struct

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
# JPEG files of every kind, of which the tests cut pieces off: Pillow refuses each of these.
large = np.asarray(Image.fromarray(rgb).resize((64, 48), Image.Resampling.BICUBIC))
jpegs = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 2}}
for name, options in {**jpegs, "gray": {}, "cmyk": {}}.items():
    mode = {"gray": "L", "cmyk": "CMYK"}.get(name, "RGB")
    path = folder / f"{name}.jpg"
    Image.fromarray(large).convert(mode).save(path, quality=90, subsampling=0, **options)
    arrays[f"jpeg.{name}"] = np.asarray(Image.open(path).convert("L" if name == "gray" else "RGB"))
    data = path.read_bytes()
    for percent in range(5, 100, 5):
        try:
            Image.open(io.BytesIO(data[: len(data) * percent // 100])).load()
        except OSError:
            continue
        raise AssertionError(f"Pillow reads {percent} % of {name}.jpg")
    for more in (bytes(100), b"junk\xff\xd8", data):
        Image.open(io.BytesIO(data + more)).load()
# Palettes of every depth; Pillow's pixels are places in them.
for bits in (1, 2, 4, 8):
    count = min(2**bits, 200)
    indices = random.integers(0, count, (HEIGHT, WIDTH)).astype(np.uint8)
    picture = Image.fromarray(indices, "P")
    picture.putpalette(random.integers(0, 256, 3 * count).astype(np.uint8).tobytes())
    for name, options in {f"index{bits}": {}, f"index{bits}_clear": {"transparency": 1}}.items():
        picture.save(folder / f"{name}.png", bits=bits, **options)
        read = Image.open(folder / f"{name}.png")
        assert read.mode == "P" and (np.asarray(read) == indices).all()
        arrays[f"{name}.index"] = indices
        arrays[name] = np.asarray(read.convert("RGBA" if options else "RGB"))
# One colour of a picture without opacity is transparent.
for name, mode in {"gray": "L", "rgb": "RGB"}.items():
    colour = tuple(rgb[0, 0].tolist()) if mode == "RGB" else int(smooth[0, 0])
    pictures[name].save(folder / f"{name}_clear.png", transparency=colour)
    arrays[f"{name}_clear"] = np.asarray(Image.open(folder / f"{name}_clear.png").convert(mode + "A"))
# Other formats.
for ending, options in {"bmp": {}, "tiff": {"compression": "tiff_lzw"}, "webp": {"lossless": True}}.items():
    pictures["rgb"].save(folder / f"other.{ending}", **options)
# Colours as floats, which Pillow does not write: rows one behind the other, described by pairs of tag and value.
pixels = (rgb / np.float32(255)).astype("<f4").tobytes()
fields = {256: WIDTH, 257: HEIGHT, 258: 32, 259: 1, 262: 2, 273: 8, 277: 3, 278: HEIGHT, 279: len(pixels), 339: 3}
bits, kinds = 8 + len(pixels) + 2 + 12 * len(fields) + 4, 8 + len(pixels) + 2 + 12 * len(fields) + 4 + 6
entries = sorted(
    [struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items() if tag not in (258, 339)]
    + [struct.pack("<HHII", 258, 3, 3, bits), struct.pack("<HHII", 339, 3, 3, kinds)],
    key=lambda entry: struct.unpack("<H", entry[:2]),
)
tiff = b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(fields)) + b"".join(entries)
(folder / "float.tiff").write_bytes(tiff + bytes(4) + struct.pack("<6H", 32, 32, 32, 3, 3, 3))
np.savez_compressed(here / "pictures.npz", **arrays)
