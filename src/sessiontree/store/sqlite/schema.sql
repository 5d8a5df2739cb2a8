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

-- Records in order of arrival; no row's number is ever used again. `packed` is the head and the body as received,
-- compressed together. `intake` brought this content, 0 if nobody can take it back; null in the content with which the
-- record was made, which belongs to the intake that made the row (see intake_rows).
create table record (
  row integer primary key,
  kind integer not null references kind,
  start integer,
  intake integer,
  packed blob not null
);

-- Lists of one type go by time; a null start sorts first.
create index record_by_start on record (kind, start);

-- What an intake changed, to take it back. Few records are ever changed.
create index record_by_intake on record (intake) where intake is not null;

-- Every value by which a record is found: its identity, its keys, its refs, each as a 64-bit place (see places.py).
-- Clustered by place, so that the children of an event are one range; a hit is verified against the record.
create table link (place integer not null, row integer not null, primary key (place, row)) without rowid;

-- Contents that later ones replaced, oldest first; `intake` as in record.
create table history (
  row integer not null references record,
  received integer not null,
  version integer not null,
  intake integer,
  packed blob not null,
  primary key (row, version)
) without rowid;
create index history_by_intake on history (intake) where intake is not null;

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
  revoked integer,
  used integer                    -- when last, as far as it has been noted
);

-- Compression dictionaries, trained of the records themselves; a packed record names the one it was made with.
create table dictionary (number integer primary key, content blob not null);

-- Small values of the store itself: the progress of a re-read, the last write check.
create table setting (name text primary key, value blob not null) without rowid;

-- Sessions: what the tree of each top adds up to, derived from the records (see sessions.py). Amounts are split into
-- whole currency units and the rest (0 <= rest < 10^12, in 10^-12), so that they sort and add as integers. Unpriced events
-- that are at home elsewhere are not in `unpriced_count` but in the details, so that those of many sessions may be added.
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
  unlinked integer not null,      -- above 0: its type declares a parent, and it has none; why (see sessions.Unlinked)
  open_start integer,             -- the latest start of an event that should have finished and has not
  changed integer not null,       -- when the last record under it was received
  as_of integer not null,         -- when the row was computed
  revision integer not null,      -- one more with every change of the row's numbers
  sequence integer not null,      -- place in the list of changes; grows with every revision of any session
  details blob not null,          -- totals, elsewhere, products and problems, as JSON (see session_rows.py)
  rows blob not null,             -- rows of its records that are at home here, then of those that visit, as JSON
  unique (account, record_type, id)
);
create index session_by_start on session (account, start);
create index session_by_duration on session (account, duration);
create index session_by_events on session (account, event_count);
create index session_by_change on session (account, sequence);
create index session_unlinked on session (account, start) where unlinked > 0;
create index session_with_problems on session (account, start) where problem_count > 0;

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

-- What all sessions of an account add up to, kept by the triggers: lists say it without looking at every session. Sums
-- of amounts are in four parts, none of which outgrows 64 bits: whole units and rest, each by its high and low bits.
create table session_sum (
  account integer primary key,
  sessions integer not null,
  events integer not null,        -- those at home
  unpriced integer not null
);
create table session_cost_sum (
  account integer not null,
  currency text not null,
  sessions integer not null,
  total_whole_high integer not null, total_whole_low integer not null, total_rest_high integer not null,
  total_rest_low integer not null, elsewhere_whole_high integer not null, elsewhere_whole_low integer not null,
  elsewhere_rest_high integer not null, elsewhere_rest_low integer not null,
  primary key (account, currency)
) without rowid;
create trigger session_made after insert on session begin
  insert into session_sum values (new.account, 1, new.event_count - new.elsewhere_count, new.unpriced_count)
    on conflict do update set sessions = sessions + 1, events = events + excluded.events,
      unpriced = unpriced + excluded.unpriced; end;
create trigger session_changed after update of event_count, elsewhere_count, unpriced_count on session begin
  update session_sum set events = events + new.event_count - new.elsewhere_count - old.event_count + old.elsewhere_count,
      unpriced = unpriced + new.unpriced_count - old.unpriced_count where account = new.account; end;
create trigger session_deleted after delete on session begin
  update session_sum set sessions = sessions - 1, events = events - old.event_count + old.elsewhere_count,
      unpriced = unpriced - old.unpriced_count where account = old.account; end;
create trigger session_cost_made after insert on session_cost begin
  insert into session_cost_sum values (new.account, new.currency, 1,
      new.whole >> 32, new.whole & 4294967295, new.rest >> 20, new.rest & 1048575, new.elsewhere_whole >> 32,
      new.elsewhere_whole & 4294967295, new.elsewhere_rest >> 20, new.elsewhere_rest & 1048575)
    on conflict do update set sessions = sessions + 1,
      total_whole_high = total_whole_high + excluded.total_whole_high,
      total_whole_low = total_whole_low + excluded.total_whole_low,
      total_rest_high = total_rest_high + excluded.total_rest_high,
      total_rest_low = total_rest_low + excluded.total_rest_low,
      elsewhere_whole_high = elsewhere_whole_high + excluded.elsewhere_whole_high,
      elsewhere_whole_low = elsewhere_whole_low + excluded.elsewhere_whole_low,
      elsewhere_rest_high = elsewhere_rest_high + excluded.elsewhere_rest_high,
      elsewhere_rest_low = elsewhere_rest_low + excluded.elsewhere_rest_low; end;
create trigger session_cost_changed after update on session_cost begin
  update session_cost_sum set
      total_whole_high = total_whole_high + (new.whole >> 32) - (old.whole >> 32),
      total_whole_low = total_whole_low + (new.whole & 4294967295) - (old.whole & 4294967295),
      total_rest_high = total_rest_high + (new.rest >> 20) - (old.rest >> 20),
      total_rest_low = total_rest_low + (new.rest & 1048575) - (old.rest & 1048575),
      elsewhere_whole_high = elsewhere_whole_high + (new.elsewhere_whole >> 32) - (old.elsewhere_whole >> 32),
      elsewhere_whole_low = elsewhere_whole_low + (new.elsewhere_whole & 4294967295) - (old.elsewhere_whole & 4294967295),
      elsewhere_rest_high = elsewhere_rest_high + (new.elsewhere_rest >> 20) - (old.elsewhere_rest >> 20),
      elsewhere_rest_low = elsewhere_rest_low + (new.elsewhere_rest & 1048575) - (old.elsewhere_rest & 1048575)
    where account = new.account and currency = new.currency; end;
create trigger session_cost_deleted after delete on session_cost begin
  update session_cost_sum set sessions = sessions - 1,
      total_whole_high = total_whole_high - (old.whole >> 32),
      total_whole_low = total_whole_low - (old.whole & 4294967295),
      total_rest_high = total_rest_high - (old.rest >> 20), total_rest_low = total_rest_low - (old.rest & 1048575),
      elsewhere_whole_high = elsewhere_whole_high - (old.elsewhere_whole >> 32),
      elsewhere_whole_low = elsewhere_whole_low - (old.elsewhere_whole & 4294967295),
      elsewhere_rest_high = elsewhere_rest_high - (old.elsewhere_rest >> 20),
      elsewhere_rest_low = elsewhere_rest_low - (old.elsewhere_rest & 1048575)
    where account = old.account and currency = old.currency; end;

-- The session in which a record is at home, and those in which it is shown as well.
create table home (row integer primary key references record, session integer not null);
create table visit (row integer not null references record, session integer not null,
                    primary key (row, session)) without rowid;

-- Sessions that are no longer there (merged, deleted), for those who follow the changes.
create table session_gone (account integer not null, sequence integer not null, record_type text not null,
                           id text not null, primary key (account, sequence)) without rowid;
create index session_gone_by_id on session_gone (account, record_type, id);

-- What has to be computed again, noted in the transaction that changed it: records from row `first` to `last`
-- (what = 'rows'), the records at a place of the link table ('place'), or a session ('session').
create table dirty (number integer primary key, account integer not null, what text not null, first integer not null,
                    last integer not null);

-- Import runs and ingest requests. The number carries the time (see intakes.py), so that later ones come last. `files`
-- are those of an import, `key` is the prefix of a request's key. An undo that began and came to no end is gone on with.
create table intake (
  account integer not null references account,
  number integer not null,
  received integer not null,
  files text,
  key text,
  created integer not null,
  updated integer not null,
  unchanged integer not null,
  rejected integer not null,
  first integer,                  -- the rows it made at first: small requests have no others
  last integer,
  undo_began integer,
  undone integer,
  primary key (account, number)
) without rowid;

-- The rows that intakes made later, from first to last, and all those of one that is being undone: an undo moves `first`
-- on as it goes.
create table intake_rows (account integer not null, intake integer not null, first integer not null,
                          last integer not null, primary key (account, intake, first)) without rowid;

-- Intakes of which not all has been read: under way, or stopped. Small requests never stand here.
create table intake_unfinished (account integer not null, number integer not null,
                                primary key (account, number)) without rowid;

-- Import runs are few among a million requests, and listed by themselves.
create index intake_of_files on intake (account, number) where files is not null;

-- Sums over the records of a kind whose start lies in an hour of UTC (counted since 1970; -10^9: without a start) and
-- that are alike: of one currency ('' of containers), with a cost or none (`priced`), with a billed quantity or none
-- (`measured`). Amounts and quantities are split as in the table of sessions. A row without events is gone.
create table spend (
  kind integer not null references kind,
  hour integer not null,
  currency text not null,
  priced integer not null,
  measured integer not null,
  whole integer not null,
  rest integer not null,
  events integer not null,
  quantity_whole integer not null,
  quantity_rest integer not null,
  primary key (kind, hour, currency, priced, measured)
) without rowid;
