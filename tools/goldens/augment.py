"""Writes test/goldens/augment/operations.json: small pictures and what Pillow makes of them by the operations of RandAugment, colour
jitter, flips and crops. Needs Pillow (made with 9.4.0; the operations are the same in 13) and numpy; run from the repository root:
python tools/goldens/augment.py
The affine matrices are those that torchvision 0.27 hands to Pillow. Pixels are base64 of the raw bytes, rows from the top.
"""
import base64
import json
import math
import random

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps

random.seed(20)


def noise(mode, width, height):
    size = width * height * len(mode)
    return Image.frombytes(mode, (width, height), bytes(random.randrange(256) for _ in range(size)))


def soft(mode, width, height):
    """Few levels, none near 0 or 255: contrast and equalisation have something to do."""
    bands = len(mode)
    return Image.frombytes(mode, (width, height), bytes(
        60 + (7 * x + 11 * y + 40 * c + random.randrange(9)) % (90 + 20 * c) for y in range(height) for x in range(width) for c in range(bands)))


PICTURES = {
    "noise": noise("RGB", 15, 11),
    "soft": soft("RGB", 17, 12),
    "square": noise("RGB", 9, 9),
    "grey": soft("L", 14, 9),
    "flat": Image.new("RGB", (6, 5), (10, 200, 90)),
    "two": noise("RGB", 2, 2),
    "large_soft": soft("RGB", 40, 33),
    "one": noise("RGB", 1, 1),
}


def inverse_matrix(center, translate, shear):
    """torchvision.transforms.functional._get_inverse_affine_matrix without rotation and scale."""
    sx, sy = (math.radians(s) for s in shear)
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(-sy) / math.cos(sy)
    b = -math.cos(-sy) * math.tan(sx) / math.cos(sy)
    c = math.sin(-sy) / math.cos(sy)
    d = -math.sin(-sy) * math.tan(sx) / math.cos(sy) + 1.0
    m = [d, -b, 0.0, -c, a, 0.0]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m


def affine(image, center, translate, shear, fill):
    center = [image.width * 0.5, image.height * 0.5] if center is None else center
    return image.transform(image.size, Image.AFFINE, inverse_matrix(center, translate, shear), Image.NEAREST, fillcolor=colour(image, fill))


def colour(image, fill):
    return fill if image.mode == "L" else (fill,) * len(image.getbands())


def hue(image, turn):
    if image.mode == "L":
        return image
    h, s, v = image.convert("HSV").split()
    h = Image.fromarray(np.array(h, dtype=np.uint8) + np.array(turn * 255).astype(np.int32).astype(np.uint8), "L")
    return Image.merge("HSV", (h, s, v)).convert("RGB")


def run(image, op, x, fill):
    degrees = math.degrees(math.atan(x)) if op.startswith("Shear") else 0.0
    return {
        "AutoContrast": lambda: ImageOps.autocontrast(image),
        "Equalize": lambda: ImageOps.equalize(image),
        "Invert": lambda: ImageOps.invert(image),
        "Posterize": lambda: ImageOps.posterize(image, int(x)),
        "Solarize": lambda: ImageOps.solarize(image, x),
        "Color": lambda: ImageEnhance.Color(image).enhance(x),
        "Contrast": lambda: ImageEnhance.Contrast(image).enhance(x),
        "Brightness": lambda: ImageEnhance.Brightness(image).enhance(x),
        "Sharpness": lambda: ImageEnhance.Sharpness(image).enhance(x),
        "Hue": lambda: hue(image, x),
        "ShearX": lambda: affine(image, [0, 0], [0, 0], [degrees, 0.0], fill),
        "ShearY": lambda: affine(image, [0, 0], [0, 0], [0.0, degrees], fill),
        "TranslateX": lambda: affine(image, None, [int(x), 0], [0.0, 0.0], fill),
        "TranslateY": lambda: affine(image, None, [0, int(x)], [0.0, 0.0], fill),
        "Rotate": lambda: image.rotate(x, Image.NEAREST, False, None, fillcolor=colour(image, fill)),
        "FlipHorizontally": lambda: ImageOps.mirror(image),
        "FlipVertically": lambda: ImageOps.flip(image),
        "Crop": lambda: image.crop((1, 2, 1 + int(x), 2 + int(x))),
    }[op]()


ARGUMENTS = {
    "AutoContrast": [0], "Equalize": [0], "Invert": [0], "FlipHorizontally": [0], "FlipVertically": [0], "Crop": [3],
    "Posterize": [8, 7, 4, 1], "Solarize": [255.0, 178.5, 0.0], "Color": [0.0, 0.73, 1.0, 1.9], "Contrast": [0.1, 0.73, 1.27, 1.9],
    "Brightness": [0.1, 0.73, 1.27, 1.9], "Sharpness": [0.1, 0.73, 1.27, 1.9], "Hue": [-0.5, -0.13, 0.02, 0.37],
    "ShearX": [0.09, -0.3], "ShearY": [-0.09, 0.3], "TranslateX": [2, -3], "TranslateY": [-1, 4], "Rotate": [9.0, -30.0, 30.0, 90.0, 180.0, 270.0],
}


def encode(image):
    return base64.b64encode(image.tobytes()).decode()


cases = []
for op, arguments in ARGUMENTS.items():
    for x in arguments:
        for name in ["noise", "soft", "grey", "square", "flat", "two", "one"]:
            image = PICTURES[name]
            tiny = min(image.size) < 5
            if tiny and (op == "Crop" or x != arguments[-1]) or name == "square" and op != "Rotate" or name == "flat" and x != arguments[0]:
                continue
            fill = 0 if len(cases) % 2 else 77
            result = run(image, op, x, fill)
            cases.append({"op": op, "x": x, "fill": fill, "picture": name, "width": result.width, "height": result.height, "pixels": encode(result)})
for op, x in [("Equalize", 0), ("AutoContrast", 0), ("Rotate", -9.0), ("ShearX", 0.3)]:
    result = run(PICTURES["large_soft"], op, x, 0)
    cases.append({"op": op, "x": x, "fill": 0, "picture": "large_soft", "width": result.width, "height": result.height, "pixels": encode(result)})

pictures = {name: {"mode": p.mode, "width": p.width, "height": p.height, "pixels": encode(p)} for name, p in PICTURES.items()}
with open("test/goldens/augment/operations.json", "w", encoding="utf-8") as f:
    json.dump({"pillow": PIL.__version__, "pictures": pictures, "cases": cases}, f, indent=0)
    f.write("\n")
