import fc from 'fast-check';
import type { BlobId } from '../../src/base/ids.ts';
import type { GoTime } from '../../src/formats/go-time.ts';
import type { ExtendedAttribute, Node } from '../../src/formats/tree/node.ts';

const u64 = (): fc.Arbitrary<bigint> => fc.oneof(fc.bigInt(0n, 5n), fc.bigInt(0n, 0xffff_ffff_ffff_ffffn));
const u32 = (): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(0, 1000), fc.nat(0xffff_ffff));
const text = (): fc.Arbitrary<string> => fc.string({ unit: 'binary' });

export function arbitraryId(): fc.Arbitrary<BlobId> {
  return fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex') as BlobId);
}

/** Bytes with many quotes, controls, non-ASCII and broken UTF-8. */
export function arbitraryBytes(): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    text().map((value) => new TextEncoder().encode(value)),
    fc.string().map((value) => new TextEncoder().encode(value)),
  );
}

/** Names that decoders accept. */
export function arbitraryName(): fc.Arbitrary<Uint8Array> {
  return arbitraryBytes()
    .map((bytes) => bytes.filter((byte) => byte !== 0 && byte !== 0x2f))
    .filter((bytes) => bytes.length > 0 && !['.', '..'].includes(Buffer.from(bytes).toString('latin1')));
}

/** Instants of the years 0 to 9999, which the format can write. */
export function arbitraryTime(offsetMinutes?: number): fc.Arbitrary<GoTime> {
  const first = -62_167_132_800_000_000_000n;
  const last = 253_402_214_399_999_999_999n;
  return fc.record({
    ns: fc.oneof(
      fc.bigInt(first, last),
      fc.bigInt(0n, 2_000_000_000n).map((seconds) => seconds * 1_000_000_000n),
    ),
    offsetMinutes: offsetMinutes === undefined ? fc.integer({ min: -840, max: 840 }) : fc.constant(offsetMinutes),
  });
}

function arbitraryAttributes(): fc.Arbitrary<ExtendedAttribute[]> {
  // Names of attributes are text in this format: what is not UTF-8 would not survive.
  const name = text().map((value) => new TextEncoder().encode(value));
  return fc.array(fc.record({ name, value: fc.option(fc.uint8Array()) }), { maxLength: 3 });
}

/** Nodes of all types; times in one zone if `offsetMinutes` is given. */
export function arbitraryNode(offsetMinutes?: number): fc.Arbitrary<Node> {
  const time = arbitraryTime(offsetMinutes);
  const fields = fc.record({
    name: arbitraryName(),
    mode: u32(),
    mtime: time,
    atime: time,
    ctime: time,
    uid: u32(),
    gid: u32(),
    user: text(),
    group: fc.constantFrom('', 'users'),
    inode: u64(),
    deviceId: u64(),
    links: u64(),
    extendedAttributes: arbitraryAttributes(),
  });
  const particular = fc.oneof(
    fc.record({ type: fc.constant('file' as const), size: u64(), content: fc.array(arbitraryId(), { maxLength: 4 }) }),
    fc.record({ type: fc.constant('dir' as const), subtree: arbitraryId() }),
    fc.record({ type: fc.constant('symlink' as const), linkTarget: arbitraryBytes() }),
    fc.record({ type: fc.constantFrom('dev' as const, 'chardev' as const), device: u64() }),
    fc.record({ type: fc.constantFrom('fifo' as const, 'socket' as const, 'irregular' as const) }),
  );
  return fc.tuple(fields, particular).map(([common, rest]): Node => ({ ...common, ...rest }));
}
