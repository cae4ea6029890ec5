"""Training corpora: opened as streams, indexed by words and by meaning, and read back document by document.

source → documents → store (SQLite: the documents and their words) → meaning (vectors of passages). Everything lies in
the cache folder under a hash of the corpus's content, and appears there by a rename when it is whole.
"""
