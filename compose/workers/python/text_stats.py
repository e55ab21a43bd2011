"""A worker that counts: POST /stats {"text": "..."}."""

import collections

import mesh


def stats(body):
    words = body["text"].split()
    common = collections.Counter(word.lower() for word in words).most_common(3)
    return {"characters": len(body["text"]), "words": len(words), "common": dict(common)}


mesh.serve("text-stats", {"/stats": stats})
