"""What both kinds of store are made of and neither database has to do with.

Packing, places, sums and comparisons; and work that is the same in both, over rows that each finds by its own SQL.
"""
