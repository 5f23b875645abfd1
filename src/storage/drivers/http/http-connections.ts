/**
 * Requests at once, where nothing else is said. Of an object storage each connection is slow and many are not, so most of its own tools take as
 * many; a restore or a check has a piece of 2 MiB of each in memory.
 */
export const HTTP_CONNECTIONS = 10;
