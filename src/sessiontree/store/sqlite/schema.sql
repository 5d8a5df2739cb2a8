-- The SQLite store. Times are microseconds since 1970 in UTC.

create table account (id integer primary key, name text not null unique);

-- A kind is one record type of one account; records name it instead of both.
create table kind (
  id integer primary key,
  account integer not null references account,
  record_type text not null,
  unique (account, record_type)
);

-- How a record's head lists its link values: which fields, in which order, under which reading of its type.
create table shape (
  id integer primary key,
  record_type text not null,
  reading text not null,          -- digest of the declaration that read the record
  key_fields text not null,       -- JSON arrays of field names
  ref_fields text not null,
  unique (record_type, reading)
);

-- Records in order of arrival. `packed` is the head and the body as received, compressed together.
create table record (
  row integer primary key,
  kind integer not null references kind,
  start integer,
  packed blob not null
);

-- Lists of one type go by time; a null start sorts first.
create index record_by_start on record (kind, start);

-- Every value by which a record is found: its identity, its keys, its refs, each as a 64-bit place (see places.py).
-- Clustered by place, so that the children of an event are one range; a hit is verified against the record.
create table link (place integer not null, row integer not null, primary key (place, row)) without rowid;

-- Contents that later ones replaced, oldest first.
create table history (
  row integer not null references record,
  received integer not null,
  version integer not null,
  packed blob not null,
  primary key (row, version)
) without rowid;

-- Fields that the records of a kind have shown, with the JSON type seen first; null while no other was.
create table field (kind integer not null references kind, name text not null, type text not null,
                    primary key (kind, name)) without rowid;

create table api_key (
  prefix text primary key,
  digest blob not null unique,
  account integer not null references account,
  scopes text not null,
  name text not null,
  created integer not null,
  expires integer,
  revoked integer
);

-- Compression dictionaries, trained of the records themselves; a packed record names the one it was made with.
create table dictionary (number integer primary key, content blob not null);

-- Small values of the store itself: the progress of a re-read, the last write check.
create table setting (name text primary key, value blob not null) without rowid;

-- Sessions: what the tree of each top adds up to, derived from the records (see sessions.py). Amounts are split into
-- whole currency units and the rest (0 <= rest < 10^12, in 10^-12), so that they sort and add as integers.
create table session (
  number integer primary key,
  account integer not null references account,
  record_type text not null,
  id text not null,
  start integer,
  finish integer,
  duration integer,               -- microseconds
  currency text not null,         -- the top's own; of containers that of most of their events
  event_count integer not null,
  elsewhere_count integer not null,
  unpriced_count integer not null,
  problem_count integer not null,
  unlinked integer not null,      -- 1: its type declares a parent, and it has none
  open_start integer,             -- the latest start of an event that should have finished and has not
  changed integer not null,       -- when the last record under it was received
  as_of integer not null,         -- when the row was computed
  revision integer not null,      -- one more with every change of the row's numbers
  sequence integer not null,      -- place in the list of changes; grows with every revision of any session
  details blob not null,          -- products and problems, as JSON
  rows blob not null,             -- rows of its records that are at home here, then of those that visit, as JSON
  unique (account, record_type, id)
);
create index session_by_start on session (account, start);
create index session_by_duration on session (account, duration);
create index session_by_events on session (account, event_count);
create index session_by_change on session (account, sequence);

-- A session's total in each currency; the two indexes rank sessions and add up selections.
create table session_cost (
  account integer not null,
  currency text not null,
  session integer not null references session on delete cascade,
  whole integer not null,
  rest integer not null,
  elsewhere_whole integer not null,
  elsewhere_rest integer not null,
  minute_whole integer,           -- total per minute of duration, rounded down to 10^-12; null without a duration
  minute_rest integer,
  primary key (session, currency)
) without rowid;
create index session_by_total
  on session_cost (account, currency, whole, rest, session, elsewhere_whole, elsewhere_rest);
create index session_by_minute on session_cost (account, currency, minute_whole, minute_rest, session);

-- The session in which a record is at home, and those in which it is shown as well.
create table home (row integer primary key references record, session integer not null);
create table visit (row integer not null references record, session integer not null,
                    primary key (row, session)) without rowid;

-- Sessions that are no longer there (merged, deleted), for those who follow the changes.
create table session_gone (account integer not null, sequence integer not null, record_type text not null,
                           id text not null, primary key (account, sequence)) without rowid;

-- What has to be computed again, noted in the transaction that changed it: records from row `first` to `last`
-- (what = 'rows'), the records at a place of the link table ('place'), or a session ('session').
create table dirty (number integer primary key, account integer not null, what text not null, first integer not null,
                    last integer not null);
