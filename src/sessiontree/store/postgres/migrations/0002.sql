-- Intakes of which not all has been read: under way, or stopped. Small requests never stand here.
create table intake_unfinished (
  account integer not null,
  number bigint not null,
  primary key (account, number)
);

-- Import runs are few among a million requests, and listed by themselves.
create index intake_of_files on intake (account, number) where files is not null;
