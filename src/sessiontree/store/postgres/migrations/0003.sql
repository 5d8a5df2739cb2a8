-- Rows of sessions counted unpriced events that are at home elsewhere along with their own: those are computed again.
insert into dirty (account, what, first, last)
  select account, 'session', number, number from session where elsewhere_count > 0 and unpriced_count > 0;
