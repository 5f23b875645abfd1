/** O_PATH and O_DIRECTORY of Linux: a directory as a place, readable or not. */
export const O_PATH_DIRECTORY: number = 0o10000000 | 0o200000;
