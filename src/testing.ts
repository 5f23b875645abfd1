// Entry `cairn-backup/testing`: what authors of storage drivers and of tests need.
export { appliesTo, type ConformanceCase, type MakeStorage, storageConformance } from './storage/conformance.ts';
export { openMemoryStorage } from './storage/drivers/memory.ts';
export {
  type Fault,
  type FaultEffect,
  type FaultyStorage,
  faulty,
  type Operation,
  type OperationKind,
} from './storage/layers/faulty.ts';
export {
  simulatedCold,
  type SimulatedColdOptions,
  type SimulatedColdStorage,
  type SimulatedRetrieval,
} from './storage/layers/simulated-cold.ts';
export type {
  AbortStaleUploads,
  ColdObjectInfo,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  ObjectState,
  Pace,
  PerRequest,
  Presign,
  PresignOptions,
  ReadOptions,
  RetrievalTier,
  RetrieveOptions,
  StaleUploadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  StreamRequest,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from './storage/storage.ts';
