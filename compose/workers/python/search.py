"""A worker that asks others: POST /search {"query": "...", "texts": [...]} ranks the texts by their embeddings."""

import mesh


def search(body):
    texts = list(body["texts"])
    answer = mesh.call("embeddings", "/embed", {"texts": [body["query"], *texts]})
    query, *vectors = answer["vectors"]
    scores = [sum(a * b for a, b in zip(query, vector)) for vector in vectors]
    ranked = sorted(zip(scores, texts), reverse=True)
    return {
        "embedded_by": answer["worker"],
        "results": [{"text": text, "score": round(score, 4)} for score, text in ranked],
    }


mesh.serve("search", {"/search": search})
