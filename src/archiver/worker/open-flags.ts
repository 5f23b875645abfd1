import { constants } from 'node:fs';

/** O_PATH is not among Node's constants; this is its number on every Linux that Node has builds for. */
const O_PATH = 0o10000000;

/** A directory as a place, readable or not. */
export const O_PATH_DIRECTORY: number = O_PATH | constants.O_DIRECTORY;
