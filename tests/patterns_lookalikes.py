"""
Invented log lines in the manner of ten kinds of systems, in their true groups.

In each text a blank line ends a group. Every line was written for these tests: the manner is that of well-known
systems, the lines are nobody's.
"""

# ruff: noqa: E501 - log lines are as long as they are

LOOKALIKES: dict[str, str] = {
    "secure shell daemon": """
reverse mapping checking getaddrinfo for mail.example.com.br [187.12.249.1] failed - POSSIBLE BREAK-IN ATTEMPT!
reverse mapping checking getaddrinfo for host-41.static.example.net [190.66.1.20] failed - POSSIBLE BREAK-IN ATTEMPT!
reverse mapping checking getaddrinfo for customer.pool.example.cn [60.2.12.12] failed - POSSIBLE BREAK-IN ATTEMPT!

Invalid user webmaster from 173.234.31.186
Invalid user test9 from 52.80.34.196
Invalid user 0 from 181.214.87.4
Invalid user oracle from 52.80.34.196
Invalid user chen from 202.100.179.208

input_userauth_request: invalid user webmaster [preauth]
input_userauth_request: invalid user test9 [preauth]
input_userauth_request: invalid user 0 [preauth]
input_userauth_request: invalid user oracle [preauth]
input_userauth_request: invalid user chen [preauth]

pam_unix(sshd:auth): check pass; user unknown
pam_unix(sshd:auth): check pass; user unknown

pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=173.234.31.186
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=static.example.cl

pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=5.36.59.76  user=root
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=host.example.org  user=mysql

Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2
Failed password for invalid user test9 from 52.80.34.196 port 36060 ssh2
Failed password for invalid user chen from 202.100.179.208 port 13062 ssh2

Failed password for root from 5.36.59.76 port 42393 ssh2
Failed password for root from 112.95.230.3 port 45378 ssh2
Failed password for mysql from 112.95.230.3 port 47068 ssh2

Accepted password for fred from 119.137.62.142 port 49116 ssh2

Connection closed by 173.234.31.186 [preauth]
Connection closed by 194.190.163.22 [preauth]

Received disconnect from 112.95.230.3: 11: Bye Bye [preauth]
Received disconnect from 119.4.203.64: 11: Bye Bye [preauth]

Received disconnect from 183.62.140.253: 14: No more user authentication methods available. [preauth]

error: Received disconnect from 103.99.0.122: 3: com.jcraft.jsch.JSchException: Auth fail [preauth]

message repeated 2 times: [ Failed password for root from 5.36.59.76 port 42393 ssh2]
message repeated 5 times: [ Failed password for root from 106.5.5.195 port 50719 ssh2]

PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=106.5.5.195  user=root
PAM 4 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=185.190.58.151  user=uucp

PAM service(sshd) ignoring max retries; 6 > 3
PAM service(sshd) ignoring max retries; 5 > 3

Disconnecting: Too many authentication failures for root [preauth]
Disconnecting: Too many authentication failures for admin [preauth]

pam_unix(sshd:session): session opened for user fred by (uid=0)

pam_unix(sshd:session): session closed for user fred

Did not receive identification string from 177.79.82.136
Did not receive identification string from 103.207.39.212

fatal: Write failed: Connection reset by peer [preauth]
""",
    "cloud compute": """
10.11.10.1 "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2477829
10.11.10.1 "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/0aaf-11 HTTP/1.1" status: 200 len: 1583 time: 0.1

10.11.10.1 "POST /v2/54fadb412c4e40cdbaed9335e4c35a9e/os-events HTTP/1.1" status: 200 len: 380 time: 0.0914
10.11.10.9 "POST /v2/e9746973ac574c6b8a9e8857f56a7608/servers HTTP/1.1" status: 202 len: 733 time: 0.4

10.11.10.1 "DELETE /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/63a0d960 HTTP/1.1" status: 204 len: 203 time: 0.2

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Started (Lifecycle Event)
[instance: 63a0d960-70b6-44c6-b606-491478a5cadf] VM Started (Lifecycle Event)

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Paused (Lifecycle Event)
[instance: 63a0d960-70b6-44c6-b606-491478a5cadf] VM Paused (Lifecycle Event)

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Resumed (Lifecycle Event)

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] VM Stopped (Lifecycle Event)

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] During sync_power_state the instance has a pending task (spawning). Skip.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Took 20.58 seconds to build instance.
[instance: faf974ea-cba5-4e1b-93f4-3a3bc606006f] Took 19.84 seconds to build instance.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Took 0.52 seconds to deallocate network for instance.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Took 1.00 seconds to destroy the instance on the hypervisor.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Took 19.88 seconds to spawn the instance on the hypervisor.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Creating image

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Terminating instance

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Instance destroyed successfully.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Instance spawned successfully.

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Deleting instance files /var/lib/nova/instances/b9000564_del

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Deletion of /var/lib/nova/instances/b9000564_del complete

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Claim successful

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Total memory: 64172 MB, used: 512.00 MB
[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Total memory: 64172 MB, used: 2560.00 MB

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Total disk: 15 GB, used: 0.00 GB

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Total vcpu: 16 VCPU, used: 0.00 VCPU

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] memory limit: 96258.00 MB, free: 95746.00 MB

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] disk limit not specified, defaulting to unlimited

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] vcpu limit not specified, defaulting to unlimited

[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] Attempting claim: memory 2048 MB, disk 20 GB, vcpus 1 CPU

image 0673dd71-34c5-4fbb-86c4-40623fbe45b4 at (/var/lib/nova/instances/_base/a489c868f0c37da9): checking
image 0673dd71-34c5-4fbb-86c4-40623fbe45b4 at (/var/lib/nova/instances/_base/b489c868f0c37da9): checking

image 0673dd71-34c5-4fbb at (/var/lib/nova/_base/a489): in use: on this node 1 local, 0 on other nodes sharing this instance storage
image 0673dd71-34c5-4fbb at (/var/lib/nova/_base/a489): in use: on this node 0 local, 1 on other nodes sharing this instance storage

Active base files: /var/lib/nova/instances/_base/a489c868f0c37da9

Removable base files: /var/lib/nova/instances/_base/a489c868f0c37da9
Removable base files: /var/lib/nova/_base/a489c868f0c37da9 /var/lib/nova/_base/1f89c868f0c37da9

Base or swap file too young to remove: /var/lib/nova/instances/_base/a489c868f0c37da9

Creating event network-vif-plugged:e3871ffd-5cd5-4287-bddd-3529f7b59515 for instance b9000564-fe1a-409b-b8cc

Creating event network-vif-unplugged:08d9eb2c-68c2-4a4b-8fa5-eb785ca9e41f for instance 96abccce-8d1f-4e07-b6d1

HTTP exception thrown: No instances found for any event

Auditing locally available compute resources for node cp-1.slowvm1.tcloud.utah.cloudlab.us

Final resource view: name=cp-1.slowvm1.example.us phys_ram=64172MB used_ram=512MB phys_disk=15GB used_disk=0GB total_vcpus=16 used_vcpus=0 pci_stats=[]
Final resource view: name=cp-1.slowvm1.example.us phys_ram=64172MB used_ram=2560MB phys_disk=15GB used_disk=20GB total_vcpus=16 used_vcpus=1 pci_stats=[]
""",
    "desktop proxy": """
proxy.example.edu.hk:5070 open through proxy proxy.example.edu.hk:5070 HTTPS
www.example.com:443 open through proxy proxy.example.edu.hk:5070 HTTPS
a.b.example-cdn.net:80 open through proxy proxy.example.edu.hk:5070 HTTPS
111.161.64.48:1863 open through proxy proxy.example.edu.hk:5070 HTTPS

proxy.example.edu.hk:5070 close, 403 bytes sent, 426 bytes received, lifetime <1 sec
www.example.com:443 close, 1190 bytes (1.16 KB) sent, 1671 bytes (1.63 KB) received, lifetime 00:02
a.b.example-cdn.net:80 close, 704 bytes sent, 2476 bytes (2.41 KB) received, lifetime 01:04
a.b.example-cdn.net:80 close, 851 bytes sent, 184 bytes received, lifetime 01:01:09
111.161.64.48:1863 close, 15742 bytes (15.3 KB) sent, 426 bytes received, lifetime <1 sec
www.example.com:443 close, 0 bytes sent, 2734000 bytes (2.60 MB) received, lifetime 00:02

www.example.com:443 error : Could not connect through proxy proxy.example.edu.hk:5070 - Proxy closed the connection unexpectedly.
a.b.example-cdn.net:80 error : Could not connect through proxy proxy.example.edu.hk:5070 - Proxy closed the connection unexpectedly.

www.example.com:443 error : Could not connect to proxy proxy.example.edu.hk:5070 - Could not resolve proxy.example.edu.hk error 11001
update.example.com:443 error : Could not connect to proxy proxy.example.edu.hk:5070 - Could not resolve proxy.example.edu.hk error 11001

update.example.com:443 error : A connection request was canceled before the completion.
""",
    "phone": """
acquire lock=233570404, flags=0x1, tag="View Lock", name=com.android.systemui, ws=null, uid=10037, pid=2227
acquire lock=189667585, flags=0x1, tag="*launch*", name=android, ws=WorkSource{10113}, uid=1000, pid=2227

release lock=233570404, flg=0x0, tag="View Lock", name=com.android.systemui", ws=null, uid=10037, pid=2227
release lock=166121161, flg=0x0, tag="RILJ_ACK_WL", name=com.android.phone", ws=null, uid=1001, pid=2626

ready=true,policy=3,wakefulness=1,wksummary=0x23,uasummary=0x1,bootcompleted=true,mode=false,manual=38,auto=-1,adj=0.0userId=0
ready=true,policy=3,wakefulness=1,wksummary=0x1,uasummary=0x1,bootcompleted=true,mode=false,manual=38,auto=-1,adj=0.0userId=0

Skipping AppWindowToken{df0798e token=Token{78af589 ActivityRecord{3b04890 u0 com.chat.mm/com.video.PlayerActivity t761}}} -- going to hide
Skipping AppWindowToken{defa98e token=Token{b8af589 ActivityRecord{fb04890 u0 com.android.gallery/.Main t762}}} -- going to hide
Skipping AppWindowToken{1aaa98e token=Token{c8af589 ActivityRecord{ab04890 u0 com.shop.mall/.ui.LauncherUI t763}}} -- going to hide
Skipping AppWindowToken{2aaa98e token=Token{d8af589 ActivityRecord{bb04890 u0 com.maps.go/.Nav t763}}} -- going to hide

setSystemUIVisibility vis=0 mask=1 oldVal=40000500 newVal=40000500 diff=0 stackVis=0, stackBounds=Rect(0, 0 - 0, 0)
setSystemUIVisibility vis=40000500 mask=ffffffff oldVal=0 newVal=40000500 diff=40000500 stackVis=0, stackBounds=Rect(0, 0 - 720, 0)

visible is system.time.showampm
visible is system.charge.show
visible is system.call.count gt 0
visible is system.message.count gt 0
visible is system.ownerinfo.show
visible is system.battery.low

HBM brightnessIn =38
HBM brightnessIn =112

HBM brightnessOut =38

Animating brightness: target=21, rate=40
Animating brightness: target=38, rate=200

getRunningAppProcesses: caller 10113 does not hold REAL_GET_TASKS; limiting output
getRunningAppProcesses: caller 10071 does not hold REAL_GET_TASKS; limiting output

getTasks: caller 10111 does not hold REAL_GET_TASKS; limiting output

Acquiring suspend blocker "PowerManagerService.WakeLocks".
Acquiring suspend blocker "PowerManagerService.Broadcasts".
Acquiring suspend blocker "PowerManagerService.Display".

Releasing suspend blocker "PowerManagerService.WakeLocks".
Releasing suspend blocker "PowerManagerService.Display".

Destroying surface Surface(name=PopupWindow:317a46) called by com.android.server.wm.WindowStateAnimator
Destroying surface Surface(name=com.chat.mm/com.chat.ui) called by com.android.server.wm.WindowStateAnimator

userActivityNoUpdateLocked: eventTime=261849942, event=2, flags=0x0, uid=1000
userActivityNoUpdateLocked: eventTime=261842529, event=0, flags=0x1, uid=10071

startAnimation begin

startAnimation end

cancelAutohide

computeScreenConfigurationLocked() Override config changes=480 {1.0 ?mcc?mnc [zh_CN] ldltr sw360dp w360dp h567dp 320dpi}
computeScreenConfigurationLocked() Override config changes=4a0 {1.0 ?mcc?mnc [zh_CN] ldltr sw360dp w360dp h568dp 320dpi}

handleMessage MSG_TRIGGER: current state is idle

onReceive: action=android.intent.action.SCREEN_ON

updateClipping isOverlap:false, getTopPadding=333, Translation=-1.0
updateClipping isOverlap:true, getTopPadding=1344, Translation=0.0
""",
    "laptop": """
ARPT: 620701.011328: AirPort_Brcm43xx::syncPowerState: WWEN[enabled]
ARPT: 620750.153554: AirPort_Brcm43xx::syncPowerState: WWEN[enabled]

ARPT: 620702.879952: AirPort_Brcm43xx::platformWoWEnable: WWEN[disable]

AirPort: Link Down on awdl0. Reason 1 (Unspecified).
AirPort: Link Down on en0. Reason 8 (Disassociated because station leaving).

AirPort: Link Up on awdl0
AirPort: Link Up on en0

IOThunderboltSwitch<0>(0x0)::listenerCallback - Thunderbolt HPD packet for route = 0x0 port = 11 unplug = 0
IOThunderboltSwitch<0>(0x0)::listenerCallback - Thunderbolt HPD packet for route = 0x0 port = 12 unplug = 1

en0: channel changed to 1
en0: channel changed to 132,+1

en0: BSSID changed to 5c:50:15:4c:18:13
en0: BSSID changed to 5c:50:15:36:bc:03

en0::IO80211Interface::postMessage bssid changed

Previous sleep cause: 5
Previous sleep cause: 0

Wake reason: RTC (Alarm)

USBMSC Identifier (non-unique): 000000000820 0x5ac 0x8406 0x820, 3
USBMSC Identifier (non-unique): 000000000820 0x5ac 0x8406 0x820, 3

[HID] [MT] AppleMultitouchDevice::willTerminate entered

BuildActDeviceEntry exit

BuildActDeviceEntry enter

tcp_connection_destination_perform_socket_connect 19110 connectx to 203.205.147.206:8080@0 failed: [50] Network is down
tcp_connection_destination_perform_socket_connect 19130 connectx to 183.57.48.75:80@0 failed: [50] Network is down

tcp_connection_handle_connect_conditions_bad 32 failed: 3 - No network route
tcp_connection_handle_connect_conditions_bad 45 failed: 3 - No network route

Unexpected payload found for message 9, dataLen 0
Unexpected payload found for message 9, dataLen 0

PM response took 1999 ms (54, powerd)
PM response took 2010 ms (55, powerd)

hibernate image path: /var/vm/sleepimage

full wake promotion (reason 1) 374 ms
full wake promotion (reason 1) 411 ms

Captive: [CNInfoNetworkActive:1748] en0: SSID 'Campus-Secure' making interface primary (cache indicates network not captive)
Captive: [CNInfoNetworkActive:1748] en0: SSID 'Cafe Guest' making interface primary (cache indicates network not captive)

host connection <NSXPCConnection: 0x7f8c1db08b70> connection from pid 16411 invalidated
host connection <NSXPCConnection: 0x7ff5ef2a0b70> connection from pid 31654 invalidated

DEPRECATED USE in libdispatch client: Setting timer interval to 0 requests a 1ns timer, did you mean FOREVER (a one-shot timer)?

objc[35391]: Class BRMangledID is implemented in both /System/Library/PrivateFrameworks/a.framework/CloudDocsDaemon (0x10d2) and /System/Library/x (0x10e0). One of the two will be used. Which one is undefined.
objc[35393]: Class BRContainer is implemented in both /System/Library/PrivateFrameworks/b.framework/CloudDocsDaemon (0x10d8) and /System/Library/y (0x10e7). One of the two will be used. Which one is undefined.
objc[35394]: Class BRError is implemented in both /System/Library/c.framework/CloudDocsDaemon (0x10d8) and /System/Library/z (0x10e7). One of the two will be used. Which one is undefined.
objc[35395]: Class BRQuery is implemented in both /System/Library/c.framework/CloudDocsDaemon (0x10d8) and /System/Library/z (0x10e7). One of the two will be used. Which one is undefined.

Sandbox: QQ(10018) deny(1) mach-lookup com.apple.networking.captivenetworksupport
Sandbox: com.apple.Addres(37034) deny(1) network-outbound /private/var/run/mDNSResponder
""",
    "system log": """
authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=218.188.2.4
authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=host.example.or.jp

authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=220.135.151.1  user=root
authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=n219.example.com  user=guest

check pass; user unknown

session opened for user cyrus by (uid=0)
session opened for user news by (uid=0)
session opened for user test by (uid=509)

session closed for user cyrus
session closed for user news

ALERT exited abnormally with [1]

connection from 207.30.238.8 (host8.topspot.net) at Sun Jul 17 14:03:42 2005
connection from 82.83.227.67 (dsl.static.example.de) at Tue Jul 19 07:12:58 2005
connection from 82.83.227.67 (host.example.ch) at Wed Aug  3 07:12:58 2005

Authentication failed from 163.27.187.39 (163.27.187.39): Permission denied in replay cache code
Authentication failed from 163.27.187.39 (host.example.tw): Permission denied in replay cache code

Authentication failed from 163.27.187.39 (163.27.187.39): Software caused connection abort

Kerberos authentication failed

ANONYMOUS FTP LOGIN FROM 84.102.20.2,  (anonymous)
ANONYMOUS FTP LOGIN FROM 81.80.72.99,  (anonymous)

FTP LOGIN FROM 84.102.20.2, alice

getpeername (ftpd): Transport endpoint is not connected

warning: can't get client address: Connection reset by peer

Received SNMP packet(s) from 67.170.148.126
Received SNMP packet(s) from 66.170.148.126

cupsd startup succeeded

cupsd shutdown succeeded

syslogd startup succeeded

klogd startup succeeded

syslogd 1.4.1: restart.

notify question section contains no SOA

Out of Memory: Killed process 2592 (amanda).
Out of Memory: Killed process 12731 (httpd).

mtrr: v2.0 (20020519)

CPU 0 irqstacks, hard=02345000 soft=02344000
CPU 1 irqstacks, hard=0d345000 soft=0c344000

 BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)
 BIOS-e820: 0000000000100000 - 00000000077c0000 (usable)

 BIOS-e820: 00000000000f0000 - 0000000000100000 (reserved)

PCI: Invalid ACPI-PCI IRQ routing table

Initializing CPU#0
Initializing CPU#1

DHCPDISCOVER from 00:11:43:e3:ba:c3 via eth1
DHCPDISCOVER from 00:0d:56:72:ab:af via eth1

DHCPDISCOVER from 00:11:43:e3:ba:c3 via eth1: network A_net: no free leases
""",
    "component servicing": """
Loaded Servicing Stack v6.1.7601.23505 with Core: C:\\Windows\\winsxs\\amd64_stack_31bf3856ad364e35_6.1.7601.23505_none_681a\\cbscore.dll
Loaded Servicing Stack v6.1.7601.17592 with Core: C:\\Windows\\winsxs\\amd64_stack_31bf3856ad364e35_6.1.7601.17592_none_672c\\cbscore.dll

00000001@2016/9/27:20:30:31.455 WcpInitialize (wcp.dll version 0.0.0.6) called (stack @0x7fed806eb5d @0x7fef9fb9b6d @0x7fef9f8358f)
00000001@2016/9/28:04:30:30.815 WcpInitialize (wcp.dll version 0.0.0.6) called (stack @0x7fed806eb5d @0x7fef9fb9b6d)

SQM: Initializing online with Windows opt-in: False
SQM: Initializing online with Windows opt-in: True

SQM: Cleaning up report files older than 10 days.

SQM: Requesting upload of all unsent reports.

SQM: Failed to start upload with file pattern: C:\\Windows\\servicing\\sqm\\*_std.sqm, flags: 0x2 [HRESULT = 0x80004005 - E_FAIL]
SQM: Failed to start upload with file pattern: C:\\Windows\\servicing\\sqm\\*_all.sqm, flags: 0x6 [HRESULT = 0x80004005 - E_FAIL]

Read out cached package applicability for package: Package_for_KB2928120~31bf3856ad364e35~amd64~~6.1.1.2, ApplicableState: 112, CurrentState:112
Read out cached package applicability for package: Microsoft-Windows-Foundation~31bf3856ad364e35~amd64~~6.1.7601, ApplicableState: 80, CurrentState:0

Session: 30546174_155234356 initialized by client WindowsUpdateAgent.
Session: 30546354_3255487390 initialized by client WindowsUpdateAgent.

Warning: Unrecognized packageExtended attribute.

Expecting attribute name [HRESULT = 0x800f080d - CBS_E_MANIFEST_INVALID_ITEM]

Failed to get next element [HRESULT = 0x800f080d - CBS_E_MANIFEST_INVALID_ITEM]

No startup processing required, TrustedInstaller service was not set as autostart, or else a reboot is still pending.

NonStart: Checking to ensure startup processing was not required.

NonStart: Success, startup processing not required as expected.

Starting TrustedInstaller initialization.

Ending TrustedInstaller initialization.

Starting TrustedInstaller finalization.

Ending TrustedInstaller finalization.

Starting the TrustedInstaller main loop.

Startup processing thread terminated normally

Reboot mark refs incremented to: 1
Reboot mark refs incremented to: 2

Reboot mark refs: 0

00000003@2016/9/28:04:30:31.501 Creating NT transaction (seq 1), objectname [6]"(null)"
0000005b@2016/9/28:04:45:31.501 Creating NT transaction (seq 2), objectname [6]"(null)"

00000003@2016/9/28:04:30:31.501 Created NT transaction (seq 1) result 0x00000000, handle @0x214
000000fb@2016/9/28:04:40:31.501 Created NT transaction (seq 2) result 0x00000000, handle @0x21c

00000004@2016/9/28:04:30:31.501 CSI perf trace:

CSIPERF:TXCOMMIT;27
CSIPERF:TXCOMMIT;6

Idle processing thread terminated normally
""",
    "health app": """
onStandStepChanged 3579
onStandStepChanged 3580

onExtend:1514038530000 14 0 4
onExtend:1514038532000 0 0 5

onReceive action: android.intent.action.SCREEN_ON
onReceive action: android.intent.action.SCREEN_ON

onReceive action: android.intent.action.SCREEN_OFF

processHandleBroadcastAction action:android.intent.action.TIME_TICK

processHandleBroadcastAction action:android.intent.action.SCREEN_ON

flush sensor data

getTodayTotalDetailSteps = 1514038440000##6993##548365##8661##12266##27164404
getTodayTotalDetailSteps = 1514038440000##7007##548365##8661##12361##27173954

setTodayTotalDetailSteps=1514038440000##7007##548365##8661##12361##27173954
setTodayTotalDetailSteps=1514038440000##7008##548365##8661##12456##27174269

calculateCaloriesWithCache totalCalories=126775
calculateCaloriesWithCache totalCalories=126797

calculateAltitudeWithCache totalAltitude=240

REPORT : 7007 5002 150089 240
REPORT : 7018 5010 150322 240

 getTodayBasicStandardSteps= 3786 , sum= 336
 getTodayBasicStandardSteps= 0 , sum= 0

saveHealthDetailData() saveOneDetailData fail hiHealthData = 20002type = 40002time = 1514125200000,end = 1514125260000
saveHealthDetailData() saveOneDetailData fail hiHealthData = 20003type = 40003time = 1514125260000,end = 1514125320000

upLoadOneMinuteDataToEngine time=25233974,0,0,0,0
upLoadOneMinuteDataToEngine time=25233975,14,0,0,7

initEnvironment():: sdk ok

insertHiHealthData() checkAppType 0 appID =1

insertHiHealthData() bulkSaveDetailHiHealthData fail errorCode = 4,errorMessage = ERR_DATA_INSERT

needAutoSync autoSyncSwitch is true

needAutoSync screen is off,can not sync

needAutoSync sWifiWorking is 1, userState is true
needAutoSync sWifiWorking is 0, userState is false

checkInsertStatus stepSyncOrigin=0 stepSyncNew=100
checkInsertStatus stepSyncOrigin=100 stepSyncNew=200
""",
    "cluster": """
PSU status ( on on )
PSU status ( off on )
PSU status ( on off )

Temperature (41C) exceeds warning threshold
Temperature (42C) exceeds warning threshold

ambient=28
ambient=29

Fan speeds ( 3552 3534 3375 4245 3515 3479 )
Fan speeds ( 3552 3534 3375 **** 3515 3479 )
Fan speeds ( 3552 3534 3375 4066 3515 )

Link error on broadcast tree Interconnect-0T00:00:0:0
Link error on broadcast tree Interconnect-0N02:00:5:6

Link in reset

Linkerror event interval expired

ServerFileSystem domain storage442 is full

ServerFileSystem: An ServerFileSystem domain panic has occurred on storage442
ServerFileSystem: An ServerFileSystem domain panic has occurred on storage304

ClusterFileSystem: There is no server for ServerFileSystem domain storage152
ClusterFileSystem: There is no server for ServerFileSystem domain storage442

NIFF: node node-148 detected a failed network connection on network 5.5.224.0 via interface alt0
NIFF: node node-246 detected a failed network connection on network 5.5.224.0 via interface ee0

NIFF: node node-148 detected an available network connection on network 5.5.224.0 via interface scip0

Targeting domains:node-D1 and nodes:node-[40-63] child of command 1954
Targeting domains:node-D2 and nodes:node-72 child of command 5107

Component State Change: Component "SCSI-WWID:01000010:6005-08b4-0001" is in the unavailable state (HWID=1973)
Component State Change: Component "alt0" is in the unavailable state (HWID=3180)

inconsistent nodesets node-31 0x1fffffffe <ok> node-0 0xfffffffe <ok> node-1 0xfffffffe <ok>
inconsistent nodesets node-3 0x1fffffffe <ok> node-4 0xfffffffe <ok>

boot (command 1903) Error: failed to boot nodes

shutdown (command 1901) Error: failed to halt nodes

risBoot command ERROR
""",
    "supercomputer syslog": """
session opened for user root by (uid=0)

session closed for user root

(root) CMD (run-parts /etc/cron.hourly)
(root) CMD (run-parts /etc/cron.daily)

data_thread() got not answer from any [Thunderbird_A8] datasource
data_thread() got not answer from any [Thunderbird_B7] datasource

Warning: we failed to resolve data source name dn228 dn229
Warning: we failed to resolve data source name dn73

synchronized to 10.100.20.250, stratum 3
synchronized to 10.100.22.250, stratum 3

DHCPREQUEST for 10.100.4.251 (10.100.0.250) from 00:11:43:e3:ba:c3 via eth1

DHCPREQUEST for 10.100.4.251 from 00:11:43:e3:bf:c3 via eth1: unknown lease 10.100.4.251.

DHCPACK on 10.100.4.251 to 00:11:43:e3:ba:c3 via eth1
DHCPACK on 10.100.4.252 to 00:11:43:e3:ba:c4 via eth1

jA9HVq6u028098: from=root, size=1000, class=0, nrcpts=1, msgid=<200511091731.jA9HVq6u028098@bn431.example.gov>, relay=root@localhost
jA9HVrPr028110: from=root, size=2800, class=0, nrcpts=1, msgid=<200511091731.jA9HVrPr028110@bn432.example.gov>, relay=#8@localhost

jA9HVq6u028098: to=root, ctladdr=root (0/0), delay=00:00:00, xdelay=00:00:00, mailer=relay, pri=31000, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent (jA9HVq6u028099 Message accepted for delivery)
jA9HVrPr028110: to=root, ctladdr=root (0/0), delay=00:00:01, xdelay=00:00:00, mailer=relay, pri=31800, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent (jA9HVrPr028111 Message accepted for delivery)

Losing some ticks... checking if CPU frequency changed.

hda: drive not ready for command

START: tftp pid=16563 from=10.100.4.251
START: tftp pid=16563 from=10.100.4.252

EXIT: auth status=0 pid=17098 duration=0(sec)
EXIT: tftp status=0 pid=17099 duration=2(sec)

connect from 10.100.4.251
connect from dn12.example.gov

[KERNEL_IB][ib_mad_static_compute_base][ib_mad_static.c:214]Couldn't find a matching vapi event
[KERNEL_IB][ib_mad_dispatch_proc][ib_mad_dispatch.c:123]Couldn't find a matching vapi event

check-disks: disk sda1 usage is 45 percent
check-disks: disk sdb2 usage is 51 percent
""",
    "web platform": """
query timeout after 3299 ms on pitches
query timeout after 120 ms on pitches
query timeout after 1.2s on pitches

TypeError: Cannot read properties of undefined (reading 'id')\\n at handler (worker.js:12:9)
TypeError: Cannot read properties of undefined (reading 'title')\\n at handler (worker.js:99:9)

SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON

user alice@example.com logged in from 10.1.2.3
user bob.jones@example.org logged in from 2001:db8:85a3::8a2e:370:7334

{"event":"payment_failed","user":"u_8123","amount":12.5,"reason":"card declined"}
{"event":"payment_failed","user":"u_9","amount":9,"reason":"insufficient funds"}

GET /api/pitches/123?sort=new 200 in 12ms
GET /api/users/9/avatar 404 in 1200ms

POST /api/pitches 201 in 40ms

cache miss key=session:9f8e7d6c ttl=300
cache miss key=session:abcdef12 ttl=3600

upstream https://payments.example.com/v1/charge answered 502 after 3000 ms
upstream http://10.0.0.4:8080/v1/charge answered 503 after 31 ms

Circuit breaker opened for payments

Circuit breaker closed for payments
""",
}


def groups(text: str) -> list[tuple[int, str]]:
    """Return ``(group, line)`` for each line of one look-alike text."""
    out: list[tuple[int, str]] = []
    group = 0
    for line in text.strip("\n").split("\n"):
        if line.strip():
            out.append((group, line.replace("\\n", "\n")))
        else:
            group += 1
    return out
