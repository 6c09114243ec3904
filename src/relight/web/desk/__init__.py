"""The desk: pages for those who run the messages. Read the store, change nothing but through the inbox."""
