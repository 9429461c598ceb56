-- The archive of Backstop. What is here can be rebuilt from the topics as long as they keep it.
CREATE DATABASE IF NOT EXISTS backstop;
