let table: BigUint64Array | undefined;

/**
 * The 256 values of the gear chunker: entry b is the first eight bytes, little-endian, of
 * SHA-256("cairn-gear-v1" ‖ b). They are part of the format (docs/format/gear-chunker.md).
 */
export function gearTable(): BigUint64Array {
  table ??= readTable();
  return table;
}

function readTable(): BigUint64Array {
  const bytes = Buffer.from(TABLE, 'base64');
  return BigUint64Array.from({ length: 256 }, (_, byte) => bytes.readBigUInt64LE(byte * 8));
}

/** Written out, so that a thread that cuts files needs no `node:crypto`, which takes it 10 ms to load. */
const TABLE =
  'Bf/eodWO4Wh38fM7RzAEdEF1bVuqN+MbxyhcrxFJpkO4CmgOE3+dKQ6qF4BHV4r1o0+RpUoz6XemUxgV/5AIETluq3a6LXAicy5v' +
  '345z4DsXHniEoPuONVH9ge7LZykWyVJMTfh6lZWH46fnVMV3H37uBJiNnXIBemLSPb2OqI+fNSX3UDfBIJPVQRPiJ6DaYKnfWtnf' +
  'TCVmDRVCsg86NsRL/lOurgv2IX7j1lCzA9jLlYMIN4uE2uRMoHAIElzwgc7Z+qD7kphgaRfhzRTyCZcb9iCPQI6h1T1aQ5563OUo' +
  'uS19XId49ny4a6hlxjlZq1UC+lf6DlZvb5NUYlHCKh1nEaBlWJTu9hJv2gTkrrGzPCPX1PwTk/sntzmLXY/tDAM7EGA7JH9GOItj' +
  'c17Kxo77iYbYWR++W7iIeUgqlh6pSOuVLdFO0cq1j2uQap6kFup6litSNrxBT1hr5p4QHJ4UtEnwbc9krI94Bf+VbpH0OeJMwMMN' +
  'Vpe48KiKrdvWBpARDX9d04VmmPkQ6pTGCiZHt/rshtgJqeJ7aOIpGQZLCUqNTaTNj/Ee/bDccd8/Tnwp6VS83iagqHo+7lxvzoR0' +
  'a+sYRWzfP6QkfeIsmvuGRdoTP/6FIyg4rVVyp4W3FZD79lfyFezFJmHvFS8Go0ixMH019G3nO8v+xTVIRnEwUCj4FABB7dUoOpGs' +
  'uIfYs8Opnb/RrcwqgpylhlXrcafYIKMitTaanWiqgZ2wjiswHXz/eYKw2Zj/J40p88oepfVTSES1dQzqn6KbdaNpEa6xi1fU65Be' +
  'BfdkONSmxWVFnKyrxII6ENj3RZh2sFRiXk3nKdU1pEGGdKtGwhjgeU4PnPm5AzZVfGPFL11echpio/dmE58QJMR3svhp38I6uR2p' +
  'w+2U5m/5cxH7gHSGkHuvcsa2fmJ+2DxIQ9rzSE4WdIFQgPe/7CFxlr1C+Tfl5jwGBmuMY73wYl4NRY2GaXSIBiSN4C/e2y///K5T' +
  'KfMw/jArns1AjKWE1KP/jdQ5rfTzaylLURE/3YzYZCyg8b6nWQs2r1HzqStTK5zhhY1VjyyuTM8I294xpAXXnXkZuZU9kkGvLbsU' +
  'H5n3Nlc6QJy1QIaoWeDZTihb3kw2CZ8/AhkR4h5jm8UmkznUtbP1T8tSTCQIea7Kd09CD74GmnOMp0LX+aNCzEepJLEOBW0chI5R' +
  'Et8BNuYUOmmLdF7ZgcFpHEmiv0dWY1d0IvAjWoSicAkWs/tRHfpJfxuXGEoRwgFElQPtkfJByonqGgk37HYMSNwSMIUkaHNQX9zc' +
  'd6P4WzaKhSCJJpwSEealV/D3JApcChVj7BgISc3I3m+EWrAy7nMxY5aSsosZlwkMzBUI3MoPZbP3Cf7K9WYn83NJsY2Cmh1wq2qX' +
  'Cz04zXjv+vAVZug7kYd6hAx1Dquxcey2AFhqpG5lht7qabXmj+CqTEY+tHRh9oWCa6EGUnbcWgXUP77m5FY9onXbeTMuA27hPxvK' +
  'odaVksj88evCZex1excbOITi+o6KxVuR2drAGjPKf14s8cDCG+JO0iYyRZAEpcjeipC+edlZTMA88/ha52ExHXTsOzaBBLj54akC' +
  'o1dmRxCzWF9piA3TFmBXsW+s32KNgIr3bD5YXLRs2e/m6y8v6oVCFyeas9ZDksXI8th9d+I3kAKbB/MfsXnNXG1dcLGsF2C34oJV' +
  'inRsjCcV4j7NwDZL3Do9nOAU+Zn5r9ftC58oAjixq2Av4mWkWGdn6YrX+3aHAPVWkcObDZH177r9GTJbJYYlEgRaUPb8aB8hrA/G' +
  'vR3xrQc2dh72Lu4/OeKK/rQj1q1JUnQLvDm8sFWpwwLrjiNxWNbPJQ1RAbFQ1V2MNcYtCL2801Hsvib/49vZ7gL+M8QIQL7nUEaH' +
  'CT8aobGb3hZDEd1h7qOQ32ctsHburCcHKJBKIVWMl+FT3CwAqpzGbKsCAaNpYBSggOpxlcVqalYjHmqqriLZLR+K7B2Ki5JaELbH' +
  'UZJs1ICGybcZpupxw2w8JfALmQusipQm6+Rx0gPz+F8afcyl6bWtQMlnX203q/Ri9fnRIJhTyNaC3SjJ720PYRFSr4d6zlDJxwAf' +
  'iyuLzGVtJ9sPukUmRl9js1SrpA8x2HRLlDqkMIUkkhXIrxbWnl6YowLOwRMBoP+mWucxigRdMtIt0C0fae+G5SO1FUdwGwJ1JQO2' +
  'jc75lCU9Pszz9wPw394z+iTtJB0fzn11b0L4HuJgNewFFNBKMIDqogv6hnVRqqNNQ1PmkbO3Ta6KqQhISM5mOfdLElycLDADZzPr' +
  'z7GcMrBCgD7SC+vbLlnFemmYOs6EKp3ndrzhOygbGh3c8lPB7vRMypyDqgYdrCTYeYoyasj+l2BniGCyqhQABwlkZqnNV4ntmtIH' +
  'zRdOZTyc8wukzK5v/jWF7PctHjd9T2zF3G95ulck5FDKembU1uFAvAfL9ffDbVheIVUsTlbBt4BW+KnmZ18EgSURfe2aLXS35158' +
  'EGZ+3S8pi7s/YtawmxKm5dIPdHumyIOnZUBniQxCe15G93vL+YdYf6SlJyo+hLVbb/gAayvHmJOO9c7X+0G36V4pZqxCkmx8LtbW' +
  'yByFtI/74607cjS2Ghbo1EXRP7cfakAGvE/lP++ZL+pZZDXicvUoNKJjoBmhnPc8d4z1J4RP8sKoC26RY5z1FjoJSk2cD8MSCsDJ' +
  'WrkuPJkfFhIH4Q3ce9xcPBRpwzed4oo=';
