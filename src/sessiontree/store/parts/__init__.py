"""What both kinds of store are made of and neither database has to do with: packing, places, sums, comparisons."""
