"""A backup of the record: the database, the spool and the anchors at one point in time, and the restore.

    lock -> saved answers -> segments -> anchors -> snapshot -> unlock -> pg_dump of the snapshot -> manifest

The order of the steps is necessary:

- The lock is on the table of chains, which every transaction of the shipper updates. While it is held nothing is
  shipped, and answers are recorded in the spool; sealed segments, the bulk of it, are copied before, since they don't
  change.
- A segment is removed only after its records are committed and its chain's anchor has moved. So a record that was
  answered before the lock is in a copied segment, or in the snapshot, which is taken later.
- Anchors are copied after the segments: a segment removed in between is anchored by then. And before the unlock: an
  anchor never names a record that the snapshot lacks.
- The snapshot has the marks of the chains, so records that are both in it and in a segment are not shipped again.
- Answers by idempotency key and of streams come first: the record of a saved answer is in what is copied later.
- Months can't be detached, nor persons erased, from before the anchors are copied until the snapshot is taken.
- The manifest comes last: an interrupted backup has none.
"""
