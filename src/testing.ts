// Entry `cairn-backup/testing`: what authors of storage drivers and of tests need.
export { appliesTo, type ConformanceCase, type MakeStorage, storageConformance } from './storage/conformance.ts';
export { openMemoryStorage } from './storage/drivers/memory.ts';
export { type Fault, type FaultEffect, type FaultyStorage, faulty, type Operation } from './storage/layers/faulty.ts';
export {
  simulatedCold,
  type SimulatedColdOptions,
  type SimulatedColdStorage,
  type SimulatedRetrieval,
} from './storage/layers/simulated-cold.ts';
export type {
  ColdObjectInfo,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  ObjectState,
  Pace,
  ReadOptions,
  RetrievalTier,
  RetrieveOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
} from './storage/storage.ts';
