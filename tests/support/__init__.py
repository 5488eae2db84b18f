"""What tests of several folders use: files of every kind of data, studies, servers, browsers."""
