"""A backup of the record: the database, the spool and the anchors of one moment, and the way back.

    lock -> idempotency keys -> segments -> anchors -> snapshot -> unlock -> pg_dump of the snapshot -> manifest

Each step may only come after the one before it:

- The lock is on the table of chains, which every transaction of the shipper moves. While it is held nothing is shipped
  and requests are answered into the spool; sealed segments, the bulk of it, are copied before, since none changes.
- A segment goes only after its records are committed and its chain's anchor has moved. So a record that was answered
  before the lock is in a segment that is copied, or in the snapshot, which is taken later.
- Anchors are copied after the segments: a segment that went in between is anchored by then. And before the unlocking:
  an anchor never names a record that the snapshot lacks.
- The snapshot has the marks of the chains, so what is both in it and in a segment is shipped from neither again.
- Keys come first: an answer that is kept under one has its record in what is copied later.
- Months can't be taken out, nor persons erased, from before the anchors are copied until the snapshot is taken.
- The manifest comes last: a backup that was broken off has none.
"""
