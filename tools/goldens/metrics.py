"""Writes test/goldens/metrics/cases.json: answers, references and the values that the reference programs give.

Run with sacrebleu 2, rouge_score and pycocoevalcap installed: python tools/goldens/metrics.py test/goldens/metrics/cases.json
CIDEr is computed on texts that are split into words already, so that the tokenizer plays no part.
"""
import json
import random
import sys

import sacrebleu
from pycocoevalcap.cider.cider import Cider
from rouge_score import rouge_scorer

WORDS = ("a the man woman dog cat sits stands on under red blue table chair with and two three 3.5 1,000 of it's isn't "
         "well-known end. Really? yes, (no) \"quoted\" 50% $5 A&B x-ray 2-fold étage 你好 😀").split()
CAPTION_WORDS = [w for w in WORDS if w.isascii() and w.isalpha()]


def text(rng, words, low, high):
    return " ".join(rng.choice(words) for _ in range(rng.randint(low, high)))


def near(rng, words, reference):
    """The reference with some words replaced, dropped or repeated."""
    out = []
    for word in reference.split():
        kind = rng.random()
        if kind < 0.15:
            continue
        out.append(rng.choice(words) if kind < 0.35 else word)
        if kind > 0.93:
            out.append(word)
    return " ".join(out)


def corpus(rng, words, rows, most, low, high):
    answers, references = [], []
    for _ in range(rows):
        row = [text(rng, words, low, high) for _ in range(rng.randint(1, most))]
        references.append(row)
        answers.append(near(rng, words, rng.choice(row)) if rng.random() < 0.85 else text(rng, words, 0, high))
    return answers, references


def columns(references):
    most = max(len(r) for r in references)
    return [[r[i] if i < len(r) else None for r in references] for i in range(most)]


def main(path):
    rng = random.Random(20261121)
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    mixed, captions = [], []
    for rows, low, high in [(1, 1, 3), (1, 6, 12), (5, 1, 4), (12, 4, 14), (30, 1, 20)]:
        answers, references = corpus(rng, WORDS, rows, 3, low, high)
        corpus_bleu = sacrebleu.metrics.BLEU()
        sentence_bleu = sacrebleu.metrics.BLEU(effective_order=True)
        mixed.append({
            "answers": answers,
            "references": references,
            "bleu": corpus_bleu.corpus_score(answers, columns(references)).score,
            "sentence_bleu": [sentence_bleu.sentence_score(a, r).score for a, r in zip(answers, references)],
            "rouge_l": [max(scorer.score(x, a)["rougeL"].fmeasure for x in r) for a, r in zip(answers, references)],
        })
    for rows, low, high in [(1, 3, 6), (2, 2, 6), (8, 3, 12), (40, 4, 12)]:
        answers, references = corpus(rng, CAPTION_WORDS, rows, 5, low, high)
        value, scores = Cider().compute_score(dict(enumerate(references)), {i: [a] for i, a in enumerate(answers)})
        captions.append({"answers": answers, "references": references, "cider": float(value), "scores": [float(s) for s in scores]})
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"made_with": f"sacrebleu {sacrebleu.__version__}, rouge_score, pycocoevalcap", "mixed": mixed, "captions": captions}, file, ensure_ascii=False, indent=1)


main(sys.argv[1])
