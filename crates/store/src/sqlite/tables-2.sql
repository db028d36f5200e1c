-- Since when an account is blocked, if it is. A blocked account's credentials are good for nothing.
ALTER TABLE account ADD COLUMN blocked INTEGER;
