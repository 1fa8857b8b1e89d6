--liquibase formatted sql

--changeset cy:1
CREATE TABLE by_json (first text, last text, customer bigint REFERENCES customer);
--rollback DROP TABLE by_json;

--changeset cy:2 dbms:oracle
CREATE TABLE never (id NUMBER(10));

--changeset cy:3 dbms:postgresql,h2 endDelimiter:/
CREATE TABLE slashed (id int)
/
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1; '
/
