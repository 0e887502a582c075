"""A dossier: all that is to be said about one application, with its proof, for people who have no access to the record.

What is proven, and by what:

| promise | proven by |
|---|---|
| the values that were sent, id and reasons that were given | the salted digest, which the record's hash covers |
| the answer, when, by which version and model | the record's hash |
| the record is the one that was written then | the chain of hashes from it to an anchor |
| the anchor is the service's | its signature under AUDIT_KEY, or the same anchor collected elsewhere |
| model card, gate, reasons told afterwards, policy, what people decided | the seal alone |

The seal is a SHA-256 of all that the dossier says: it finds a change, and not one by whoever seals it again. Signed
with AUDIT_KEY it finds that too, for who has the key.

Three things a dossier leaves out, and says so. A record of several rows has one digest of all of them, so that its
content proves nothing about one row without the others: it is put into an annex, for an expert, where one is asked for.
Between record and anchor stand records of others: a citizen's dossier has none of them, so it names where the chain was
followed to, and does not prove it. And a chain is followed for a bounded number of records only.
"""
