-- What a program of schema 101 adds.
UPDATE reported SET first = 3;
