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
