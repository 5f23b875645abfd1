// The entry file: what the WebAssembly module exports.
export { gearCut } from './gear';
export { indexBlobs } from './index-blobs';
export { poly1305 } from './poly1305';
export { rabinCut } from './rabin';
export { scryptMix, scryptMixThree } from './scrypt';
export { scanTree } from './tree-scan';
export { xor } from './xor';
