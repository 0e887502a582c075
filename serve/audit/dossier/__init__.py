"""A dossier: everything on record about one application, with its proof, for people without access to the record.

What is proven, and by what:

| promise | proven by |
|---|---|
| the values sent, the id and the reasons given | the salted digest, which the record's hash covers |
| the answer, when, by which version and model | the record's hash |
| the record is the original one | the chain of hashes from it to an anchor |
| the anchor is the service's | its signature under AUDIT_KEY, or the same anchor collected elsewhere |
| model card, gate, reasons computed later, policy, people's decisions | the seal alone |

The seal is a SHA-256 of the dossier's content: it detects a change, unless the dossier was sealed again. Signed with
AUDIT_KEY it detects that too, for anybody with the key.

A dossier leaves out three things, and says so. A record of several rows has one digest of all of them, so its content
proves nothing about one row without the others: on request it is written to an annex, for an expert. Between record and
anchor there are records of other people: a citizen's dossier has none of them, so it names how far the chain was
followed, without proof. And a chain is followed only for a limited number of records.
"""
