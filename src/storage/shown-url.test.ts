import { expect, it } from 'vitest';
import { shownUrl } from './shown-url.ts';

it.each([
  ['rest:https://ana:geheim@host:8000/x/', 'rest:https://ana:[redacted]@host:8000/x/'],
  ['rest:https://ana:ge:h@eim@host/x/', 'rest:https://ana:[redacted]@host/x/'],
  ['rest:https://ana:ge/h#e?im@host/x/', 'rest:https://ana:[redacted]@host/x/'],
  ['rest:http+unix://ana:geheim@/run/cairn.sock:/x/', 'rest:http+unix://ana:[redacted]@/run/cairn.sock:/x/'],
  ['rest:https://:geheim@host/', 'rest:https://:[redacted]@host/'],
  ['s3://KEY:geheim@bucket/x', 's3://KEY:[redacted]@bucket/x'],
  ['s3://bucket/x?endpoint=https://KEY:geheim@host', 's3://bucket/x?endpoint=https://KEY:[redacted]@host'],
  ['sftp:ann:geheim@nas:/x', 'sftp:ann:[redacted]@nas:/x'],
  ['sftp:ann:gehe:@im@nas:/x', 'sftp:ann:[redacted]@nas:/x'],
  ['rclone::s3,secret_access_key=geheim:bucket', 'rclone::s3,secret_access_key=…:bucket'],
  [
    'mirror:rest:https://ana:geheim@host/x,rest:https://bob:geheim@host/y',
    'mirror:rest:https://ana:[redacted]@host/x,rest:https://bob:[redacted]@host/y',
  ],
  ['mirror:/srv/a,rclone::s3\\,key=geheim:b', 'mirror:/srv/a,rclone::s3\\,key=…:b'],
])('hides the password of %s', (url, shown) => {
  expect(shownUrl(url)).toBe(shown);
});

it.each([
  '/srv/vault',
  './name:x@y',
  '/srv/a:b@c',
  's3://bucket/x?endpoint=http://127.0.0.1:9000',
  's3://bucket/a:b@c',
  'rest:http+unix://ann:secret/run/rest.sock:/vault/',
  'rest:https://ana@host/x/',
  'rest:https://host:8000/ana@home/x/',
  'rest:http://[::1]:8000/x/',
  'sftp:ann@nas:/srv/v@ult',
  'sftp:nas:/srv/v@ult',
  'sftp://ann@nas:2222//srv/v@ult',
  'azure:backups:/a@b',
  'rclone:drive:backups/a@b',
  'mirror:/srv/a\\,b,s3://bucket/x',
])('leaves %s as it is', (url) => {
  expect(shownUrl(url)).toBe(url);
});
