-- The feeds that a credential may quote for indexes, words with blanks between; NULL is none.
ALTER TABLE credential ADD COLUMN quotes TEXT;
