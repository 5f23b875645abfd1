// Closes a CI run with one line, `N passed, N failed, N skipped`, from the JSON report of Vitest.
//
//   node scripts/ci-summary.ts REPORT
//
// Exit code 1 if a test failed, a file could not be loaded, no test ran, or, with CAIRN_REQUIRE_ALL=1, one was skipped.
import { readFileSync } from 'node:fs';

interface Report {
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
}

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch (error) {
    console.error(`no test report: ${error instanceof Error ? error.message : String(error)}`);
    return { testResults: [{ name: path, status: 'failed', assertionResults: [] }] };
  }
}

const { testResults } = readReport(process.argv[2] ?? '');
const tests = testResults.flatMap((file) => file.assertionResults);
const passed = tests.filter((test) => test.status === 'passed').length;
const failedTests = tests.filter((test) => test.status === 'failed');
// A file that breaks while it loads, or in its hooks, fails without a failing test.
const failedFiles = testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
);
const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed');

for (const test of failedTests) console.log(`failed: ${test.fullName}`);
for (const file of failedFiles) console.log(`failed: ${file.name}`);
for (const test of skipped) console.log(`skipped: ${test.fullName}`);

const failed = failedTests.length + failedFiles.length;
const skipsForbidden = process.env['CAIRN_REQUIRE_ALL'] === '1' && skipped.length > 0;
if (skipsForbidden) console.log('CAIRN_REQUIRE_ALL=1 lets no test be skipped');
if (passed === 0) console.log('no test passed');
if (failed > 0 || passed === 0 || skipsForbidden) process.exitCode = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
