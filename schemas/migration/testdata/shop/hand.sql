CREATE TABLE by_file (id int);
