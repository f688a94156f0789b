/** The types of the public contract. Made by `generate.mjs` from `openapi/control-plane.json`; do not edit. */

export interface paths {
    "/docs/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the error codes mean, for people; each by an anchor of its name */
        get: operations["getErrorDocs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process runs */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics of the replicas that workers report to this control plane, and of what it has recorded itself */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This contract */
        get: operations["getOpenApi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The service can serve; names what it lacks */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the calls of a time, in the order in which they were answered
         * @description One entry for each call, refused ones too. A range that is past is final: no entry is added to it later. A call that is not answered yet is in none. The last page ends at the present.
         */
        get: operations["listAuditLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List or watch events
         * @description `Accept: text/event-stream` gives a stream that begins behind `after`, or now; anything else gives a page that begins behind `after`, or at the oldest event.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/image-aliases/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an image alias */
        get: operations["getImageAlias"];
        /**
         * Have a name stand for an image
         * @description VMs that are created by the name get that image from now on; those that there are keep theirs. One that exists is moved only with `If-Match`, by who saw where it was.
         */
        put: operations["putImageAlias"];
        post?: never;
        /**
         * Take an image alias away
         * @description With `If-Match`, as a move. The image stays.
         */
        delete: operations["deleteImageAlias"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List images, newest first */
        get: operations["listImages"];
        put?: never;
        /**
         * Upload an image
         * @description The body is the image's archive, as `/content` gives it: a tar of `manifest.json`, `kernel` (the flat Image of a riscv64 Linux) and `initramfs`. Or it is JSON that says where the control plane gets that from. `Repr-Digest` (RFC 9530, sha-256 or sha-512) of the archive is checked, and so are the digests in the manifest. The same image twice is one image: 201, then 200. It is there for every control plane once this is answered; of an upload that fails or breaks off nothing is left.
         */
        post: operations["createImage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{image}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an image */
        get: operations["getImage"];
        put?: never;
        post?: never;
        /**
         * Delete an image
         * @description Refused while a VM is made from it, or an alias names it. Its files go, those that no other image has.
         */
        delete: operations["deleteImage"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/{image}/content": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download an image
         * @description The image's archive: a tar of `manifest.json`, `kernel` and `initramfs`, the same byte for byte wherever the image is. One range of bytes can be asked for, and `If-Range` says of which image; where there are none of them, `Content-Range` and the problem's `sizeBytes` say how many there are. HEAD answers without the bytes.
         */
        get: operations["getImageContent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List operations, newest first */
        get: operations["listOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations/{operation}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an operation, or wait for its end */
        get: operations["getOperation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations/{operation}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take an operation back
         * @description Where that is still possible: a drain, a failover that is not decided, a stop whose guest is waited for, a pause or resumption, and the start of a VM for which no worker is found yet. What was wanted before is wanted again; a drained worker stays cordoned, a VM that was to start is stopped. A worker's operation needs the scope `workers:write` too, a failover `failover:write`.
         */
        post: operations["cancelOperation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/quotas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the project may have, and has
         * @description Of what would be more, a create, a patch or an upload is refused as `quota_exceeded`.
         */
        get: operations["listQuotas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List tokens that were not revoked, newest first */
        get: operations["listTokens"];
        put?: never;
        /**
         * Make a token
         * @description The secret is in this answer, and in that to a repeat with the same key and the same token; only its hash is kept.
         */
        post: operations["createToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a token, at once and for good
         * @description Answers with the token as it was; a second call is the same.
         */
        delete: operations["revokeToken"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Version and capabilities */
        get: operations["getVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List VMs
         * @description `resourceVersion` is the event number at which the list is true: watch `/v1/events?after=` from there.
         */
        get: operations["listVms"];
        put?: never;
        /**
         * Create a VM
         * @description The VM is there at once, in `provisioning`; `/wait` says when it runs and when it is protected. With `wait` the answer comes when its operation has ended, and has the VM as it is then. With `dryRun` the answer has the replicas where they would be placed now, with ids that are good for nothing; where one has no place, `status.stateReason` (of the primary) or `status.protection.reason` (of a backup) says why: `no_capacity` or `engine_mismatch`.
         */
        post: operations["createVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a VM */
        get: operations["getVm"];
        put?: never;
        post?: never;
        /**
         * Kill and delete a VM
         * @description At once, also where its workers are gone. A second call by its id answers 200 with the operation of the first. Where `spec.deletionProtection` is true it is refused, and so is the dry run: a PATCH takes that off first.
         */
        delete: operations["deleteVm"];
        options?: never;
        head?: never;
        /**
         * Change a VM's name, labels or spec
         * @description A JSON merge patch (RFC 7396). What the guest was started from (`image`, `machine`, `cmdline`) can change only while there is no guest. A `desiredState` sets the operation going that the verb would; `status.operationId` names it. The generation, and with it the ETag, counts changes of the spec. A `ttlSeconds` needs the scope `vms:delete` too.
         */
        patch: operations["updateVm"];
        trace?: never;
    };
    "/v1/vms/{vm}/console": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Attach to the console (WebSocket)
         * @description Subprotocol `understudy.console.v1`: text frames are ConsoleServerMessage and ConsoleClientMessage; binary frames carry bytes with their offset. Subprotocol `understudy.console.raw`: bytes alone, and what is typed goes where the session ended; it has no `resize`, so the guest's terminal keeps the size that it was told last. `resize` says the size of the writer's terminal: it is input of the guest, logged in its place among the bytes, of which it takes one offset; the guest's `hvc0` has that size from then on, over failovers too. A serial port, `ttyS0`, has none by itself. Pages give a ticket, or the token as subprotocol `understudy.bearer.<base64url>`, and are told by close code what others are told before the upgrade. Close codes: 1000 done, 1001 going away (reconnect now), 4400 bad frame, 4401 unauthenticated (the token was revoked or has expired), 4403 scope missing, or the session was ended by somebody, 4404 no such VM, 4408 slow consumer, 4409 writer or input-session conflict, 4410 VM deleted, 4429 too many sessions.
         */
        get: operations["attachConsole"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/console/input": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Type into a console
         * @description Answers once the bytes are acknowledged. `offset` counts the bytes of the input session: what was typed before is not typed again, so a repeat is always safe. Refused where somebody else is attached with the right to write.
         */
        post: operations["typeConsoleInput"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/console/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a piece of a console's output
         * @description Bytes as they are. `Console-Offset-Start` is where they begin: beyond `from` where that is not kept, because it lies between `spec.console.headBytes` and `tailBytes`, or before the present guest; then `Console-Gap` says which bytes those are. An answer ends before such a gap. Go on with `from=<Console-Offset-Next>`: byte N is the same byte at every call, over failovers too.
         */
        get: operations["readConsoleOutput"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/console/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List who is attached to the console, on any control plane */
        get: operations["listConsoleSessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/console/sessions/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a console session: its connection is closed with 4403
         * @description Answers with the session as it was. The VM, and the other sessions, go on.
         */
        delete: operations["endConsoleSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/console/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a ticket, by which a page attaches to the console
         * @description A page cannot set headers on a WebSocket, and should not hold a token: it connects with `?ticket=`. A ticket is good for one attachment, to this VM, within a minute, at any control plane; `mode: write` wants the scope console:write as well.
         */
        post: operations["createConsoleTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List or watch the events of a VM
         * @description `Accept: text/event-stream` gives a stream that begins behind `after`, or now; anything else gives a page that begins behind `after`, or at the oldest event.
         */
        get: operations["listVmEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/failover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make the backup take over
         * @description With mode `planned` the primary co-operates: the arbiter is asked while the guest runs, the primary ends its epoch, the backup has all of it, and goes on; nothing is detected. With `test` the primary's replica ends as if its process had been killed: detection, arbitration and promotion are those of a true failure, and so is the gap. With `forced` the primary is not waited for: the arbiter fences it and promotes the backup, also where it hangs; whatever it does afterwards, nothing of it leaves. In all of them no acknowledged input and no released output is lost, and a fresh backup is paired. The operation's result is the Failover, with the gap that was measured.
         */
        post: operations["failOverVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/failovers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the failovers of a VM, newest first */
        get: operations["listFailovers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/failovers/{failover}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a failover of a VM */
        get: operations["getFailover"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/kill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End the guest at once
         * @description The VM stays, stopped. Works also where its workers are gone.
         */
        post: operations["killVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the guest stand still
         * @description Its time stands still too, over failovers as well. Its replicas keep their memory, and it stays protected.
         */
        post: operations["pauseVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/protection/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have backups again
         * @description As many as before. The operation ends when they are synced.
         */
        post: operations["resumeProtection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/protection/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Do without backups for a while
         * @description They are dropped; `spec.protection.backups` stays as it is. The operation ends when the VM runs alone.
         */
        post: operations["suspendProtection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/replicas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the replicas of a VM */
        get: operations["listReplicas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/replicas/{replica}/kill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a replica as if its process had died
         * @description To see what happens then: nobody is told, a backup takes over from a primary by itself. A VM without another replica is failed.
         */
        post: operations["killReplica"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/replicas/{replica}/migrate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a replica be on another worker
         * @description Make before break: another backup is synced elsewhere before this one is dropped; a primary hands over to a backup. Refused where no other worker has room.
         */
        post: operations["migrateReplica"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/replicas/{replica}/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Drop a backup, and make another one in its place
         * @description The VM is without it meanwhile. The operation ends when as many backups as are wanted are synced again.
         */
        post: operations["restartReplica"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End the guest, and start it again
         * @description As kill and start. The operation ends when the guest runs.
         */
        post: operations["resetVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a paused guest run again
         * @description It goes on at the next instruction.
         */
        post: operations["resumeVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a VM that is stopped or failed
         * @description From its image, with memory of zeros. Its console goes on: offsets do not begin again. The operation ends when the guest runs.
         */
        post: operations["startVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have the guest power itself off
         * @description The guest gets the SysRq keys s, u and o on its serial console: Linux writes out what it has, and powers off. One that has not after `graceMs` is ended. A stopped VM holds no memory on any worker.
         */
        post: operations["stopVm"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/vms/{vm}/wait": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Wait until a VM is in a state
         * @description `reached` is false when the time is up; 409 at once where the VM cannot get there by itself.
         */
        get: operations["waitForVm"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The token that the caller shows, with what it may do */
        get: operations["whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List workers by name */
        get: operations["listWorkers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workers/{worker}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a worker */
        get: operations["getWorker"];
        put?: never;
        post?: never;
        /**
         * Forget a worker that is gone
         * @description It must hold nothing, and be lost or fenced. Answers with the worker as it was.
         */
        delete: operations["deleteWorker"];
        options?: never;
        head?: never;
        /**
         * Change a worker's labels
         * @description A JSON merge patch (RFC 7396). Its desired state is changed by cordon, uncordon, drain and fence.
         */
        patch: operations["updateWorker"];
        trace?: never;
    };
    "/v1/workers/{worker}/cordon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Place nothing new on a worker
         * @description What it holds stays. A drain that runs ends here.
         */
        post: operations["cordonWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workers/{worker}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Move everything off a worker
         * @description Make before break: a backup elsewhere is synced before one here is dropped, and a primary hands over to a synced backup once its next backup has a place. Without `force` it waits for that as long as it takes. The operation ends when the worker holds nothing.
         */
        post: operations["drainWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workers/{worker}/fence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cut a worker off
         * @description Everything on it is told to end and counts as lost at once; the worker may not join again before it is uncordoned. Of a worker that cannot be reached this says that its process is dead or cut off: a VM without a backup elsewhere is failed.
         */
        post: operations["fenceWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workers/{worker}/uncordon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a worker back into use
         * @description Ends cordon, drain and fence.
         */
        post: operations["uncordonWorker"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AuditEntry: {
            actor: {
                tokenId: string;
                tokenName: string;
            } | null;
            code: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            completedAt: string;
            durationMs: number | null;
            id: string;
            method: string;
            /** @description Its `operationId` in this contract */
            operation: string;
            /**
             * @description By the status: below 400, below 500, above. `unknown`: there was no answer, since the caller went away or the control plane was lost
             * @enum {string}
             */
            outcome: "succeeded" | "refused" | "failed" | "unknown";
            requestId: string;
            /** @description The path that was asked for */
            resource: string;
            /** @description Such as `/v1/vms/{vm}` */
            route: string;
            sourceAddress: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            startedAt: string;
            status: number | null;
        };
        AuditEntryList: {
            items: components["schemas"]["AuditEntry"][];
            nextPageToken: string | null;
        };
        Condition: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            lastTransitionTime: string;
            message: string;
            observedGeneration: number;
            reason: string;
            /** @enum {string} */
            status: "True" | "False" | "Unknown";
            type: string;
        };
        ConsoleClientMessage: {
            inputSession?: string;
            /** @constant */
            type: "request_write";
        } | {
            /** @constant */
            type: "release_write";
        } | {
            cols: number;
            /** @description In the input session, of which it takes this one; where it is left out, what comes after all that was typed */
            offset?: string;
            rows: number;
            /** @constant */
            type: "resize";
        } | {
            /** @constant */
            type: "ping";
        } | {
            /** @constant */
            type: "pong";
        };
        ConsoleInputAck: {
            /**
             * @description replicated: the backup has it; solo: the VM runs alone
             * @enum {string}
             */
            durability: "replicated" | "solo";
            /** @description Unsigned 64-bit number as a decimal string */
            inputNext: string;
            inputSession: string;
        };
        ConsoleInputRequest: {
            /** @description What is typed, in base64 */
            data: string;
            /** @description UUID of the input session to open or resume */
            inputSession: string;
            /** @description Unsigned 64-bit number as a decimal string */
            offset: string;
        };
        ConsoleServerMessage: {
            /** @description Unsigned 64-bit number as a decimal string */
            from: string;
            heartbeatMs: number;
            /** @description Unsigned 64-bit number as a decimal string */
            inputNext: string;
            inputSession: string | null;
            /** @enum {string} */
            mode: "read" | "write";
            /** @description Unsigned 64-bit number as a decimal string */
            outEnd: string;
            /** @description Unsigned 64-bit number as a decimal string */
            outOldest: string;
            /** @description This attachment, as `writer` names it */
            sessionId: string;
            state: components["schemas"]["VmState"];
            term: number;
            /** @constant */
            type: "hello";
            vmId: string;
            /** @description Unacknowledged bytes that are sent at most, until an ACK says otherwise */
            window: number;
            writer: string | null;
        } | {
            /** @enum {string} */
            reason: "trimmed";
            /** @description Unsigned 64-bit number as a decimal string */
            requested: string;
            /** @description Unsigned 64-bit number as a decimal string */
            resumedAt: string;
            /** @constant */
            type: "gap";
        } | {
            /**
             * @description replicated: the backup has it; solo: the VM runs alone
             * @enum {string}
             */
            durability: "replicated" | "solo";
            /** @description Unsigned 64-bit number as a decimal string */
            inputNext: string;
            inputSession: string;
            /** @constant */
            type: "ack";
        } | {
            cause: string;
            /** @description The same number as `term` */
            epoch: number;
            gapMs: number | null;
            inputNext: string | null;
            /** @description Unsigned 64-bit number as a decimal string */
            outOffset: string;
            term: number;
            /** @constant */
            type: "term";
        } | {
            reason: string | null;
            state: components["schemas"]["VmState"];
            /** @constant */
            type: "state";
        } | {
            reason: components["schemas"]["ProtectionReason"] | null;
            state: components["schemas"]["ProtectionState"];
            /** @constant */
            type: "protection";
        } | {
            by: string | null;
            /**
             * @description What it means to the receiver
             * @enum {string}
             */
            change: "granted" | "demoted" | "refused" | "changed";
            /** @description Unsigned 64-bit number as a decimal string */
            inputNext?: string;
            /** @description granted: the input session to write in */
            inputSession?: string;
            /** @constant */
            type: "writer";
            writer: string | null;
        } | {
            /** @constant */
            type: "ping";
        } | {
            /** @constant */
            type: "pong";
        };
        ConsoleSession: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            attachedAt: string;
            /** @description As `hello`, `writer` and `status.console.writer` name it */
            id: string;
            inputSession: string | null;
            /** @description How far it is behind the end of the output, when it was last looked at */
            lagBytes: number;
            /**
             * @description As it attached; `writer` says whether it may write now
             * @enum {string}
             */
            mode: "read" | "write";
            /** @description Everything below has been sent to it, within the credit that it gave */
            position: string;
            /** @enum {string} */
            subprotocol: "understudy.console.v1" | "understudy.console.raw";
            /** @description Token by which it attached */
            tokenId: string;
            vmId: string;
            /** @description It has the right to write */
            writer: boolean;
        };
        ConsoleSessionList: {
            items: components["schemas"]["ConsoleSession"][];
        };
        ConsoleTicket: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            expiresAt: string;
            /** @enum {string} */
            mode: "read" | "write";
            /** @description Good for one attachment to this VM's console, as `?ticket=`; it is not kept, and never shown again */
            ticket: string;
            vmId: string;
        };
        /** @default {} */
        ConsoleTicketRequest: {
            /**
             * @description read where it is left out
             * @enum {string}
             */
            mode?: "read" | "write";
        };
        CreatedToken: {
            /** @description What a caller shows as bearer token; it is not kept, and never shown again */
            secret: string;
            token: components["schemas"]["Token"];
        };
        CreateTokenRequest: {
            /** @description What it is for */
            name: string;
            /** @description None that the caller's own token has not */
            scopes: components["schemas"]["Scope"][];
            /** @description How long it is good; for ever where it is left out */
            ttlSeconds?: number;
        };
        CreateVmRequest: {
            /** @description Free key-value pairs */
            labels?: {
                [key: string]: string;
            };
            /** @description RFC 1123 label that starts with a letter, unique in the project */
            name?: string;
            spec: components["schemas"]["VmSpecRequest"];
        };
        /** @default {} */
        DrainRequest: {
            /** @description Do not wait until every VM can stay protected */
            force?: boolean;
        };
        /** @enum {string} */
        ErrorCode: "anti_affinity_unsatisfiable" | "arbiter_unavailable" | "bad_idempotency_key" | "bad_page_token" | "bad_request" | "console_session_not_found" | "console_writer_busy" | "deletion_protected" | "digest_mismatch" | "engine_mismatch" | "etag_mismatch" | "event_cursor_expired" | "failover_not_found" | "idempotency_in_progress" | "idempotency_key_reused" | "if_match_required" | "image_alias_not_found" | "image_in_use" | "image_not_found" | "image_store_error" | "input_offset_gap" | "input_session_expired" | "internal_error" | "invalid_state" | "malformed_json" | "name_taken" | "no_backup_available" | "no_capacity" | "not_found" | "not_protected" | "operation_in_progress" | "operation_not_found" | "origin_not_allowed" | "payload_too_large" | "quota_exceeded" | "range_not_satisfiable" | "rate_limited" | "replica_not_found" | "scope_missing" | "shutting_down" | "term_mismatch" | "token_expired" | "token_not_found" | "unauthenticated" | "unsupported_machine" | "unsupported_media_type" | "upgrade_required" | "validation_failed" | "vm_deleted" | "vm_not_found" | "wait_target_unreachable" | "worker_not_drained" | "worker_not_found" | "worker_timeout";
        Event: {
            /** @description Who brought it about */
            actor: {
                /** @description Of the token that the user showed, or of the worker */
                id?: string;
                name?: string;
                /** @enum {string} */
                type: "system" | "user" | "worker";
            };
            cause: string | null;
            data: {
                [key: string]: unknown;
            };
            id: string;
            operationId: string | null;
            project: string;
            requestId: string | null;
            /** @description Unsigned 64-bit number as a decimal string */
            seq: string;
            term: number | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            time: string;
            type: components["schemas"]["EventType"];
            vmId: string | null;
        };
        EventPage: {
            items: components["schemas"]["Event"][];
            /** @description Unsigned 64-bit number as a decimal string */
            nextAfter: string;
        };
        /** @enum {string} */
        EventType: "vm.created" | "vm.deleted" | "vm.state.changed" | "vm.spec.changed" | "vm.protection.changed" | "vm.failover.started" | "vm.failover.completed" | "vm.failover.failed" | "vm.failover.refused" | "vm.repair.started" | "vm.repair.progressed" | "vm.repair.completed" | "vm.repair.failed" | "vm.divergence.detected" | "vm.backup.lagging" | "vm.backup.recovered" | "vm.console.writer.changed" | "vm.console.attached" | "vm.console.detached" | "worker.joined" | "worker.state.changed" | "worker.drain.started" | "worker.drain.completed" | "worker.drain.cancelled" | "worker.fenced" | "worker.deleted" | "image.created" | "image.deleted" | "image.alias.moved" | "operation.updated" | "token.created" | "token.revoked" | "bookmark";
        Failover: {
            /** @enum {string} */
            cause: "worker_lost" | "connection_lost" | "user_action" | "draining";
            completedAt: string | null;
            consoleEnd: string | null;
            from: string | null;
            gapMs: components["schemas"]["GapMs"] | null;
            id: string;
            instant: string | null;
            mode: ("planned" | "test" | "forced") | null;
            operationId: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            startedAt: string;
            /** @enum {string} */
            state: "pending" | "promoting" | "completed" | "failed";
            stateHash: {
                /** @description Unsigned 64-bit number as a decimal string */
                instant: string;
                /** @description The states of both primaries were equal there: a backup whose state differs is never promoted */
                match: boolean;
                /** @description 16 hexadecimal digits */
                value: string;
            } | null;
            term: number | null;
            /** @description Replica that takes over */
            to: string;
            vmId: string;
        };
        FailoverList: {
            items: components["schemas"]["Failover"][];
            nextPageToken: string | null;
        };
        FailoverRequest: {
            /** @description Refuse where the VM is in another term by now */
            expectedTerm?: number;
            /**
             * @description planned: the primary ends what it does and hands over. test: the primary's replica is killed, and all that follows is as of a true failure. forced: the backup takes over at once, whatever the primary does or does not answer
             * @enum {string}
             */
            mode: "planned" | "test" | "forced";
            /** @description The synced backup that shall take over; any where it is left out. Not with test: a failure does not choose */
            targetReplica?: string;
        };
        GapMs: {
            /** @description From there to the arbiter's grant; 0 where the grant came before the old primary's last word */
            arbitrate: number;
            client: number | null;
            /** @description From the old primary's last word to suspicion, or to the order; 0 where the order came before it */
            detect: number;
            firstOutput: number | null;
            /** @description From there to the first instruction as primary */
            promote: number;
            /** @description From the old primary's last word to the first instruction as primary */
            total: number;
        };
        Health: {
            checks: {
                message: string;
                name: string;
                /** @enum {string} */
                status: "ok" | "failing";
            }[];
            /** @enum {string} */
            status: "ok" | "failing";
        };
        Identity: {
            project: string;
            token: components["schemas"]["Token"];
        };
        Image: {
            /** @description Names that stand for it now */
            aliases: string[];
            cmdline: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            createdAt: string;
            /** @description sha256:… */
            digest: string;
            id: string;
            initramfs: {
                digest: string;
                sizeBytes: number;
            };
            kernel: {
                digest: string;
                sizeBytes: number;
            };
            minMemoryMiB: number;
            name: string;
        };
        ImageAlias: {
            imageId: string;
            /** @description RFC 1123 label that starts with a letter, unique in the project */
            name: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updatedAt: string;
        };
        ImageList: {
            items: components["schemas"]["Image"][];
            nextPageToken: string | null;
        };
        ImageSourceRequest: {
            source: {
                /** @description Of the archive */
                digest: string;
                /** @description http or https; its answer is an image's archive */
                url: string;
            };
        };
        /** @default {} */
        MigrateRequest: {
            /** @description Id or name; wherever there is room where it is left out. Of a backup alone */
            targetWorker?: string;
        };
        Operation: {
            completedAt: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            createdAt: string;
            error: components["schemas"]["Problem"] | null;
            id: string;
            /** @enum {string} */
            kind: "vm.create" | "vm.delete" | "vm.failover" | "vm.start" | "vm.stop" | "vm.kill" | "vm.pause" | "vm.resume" | "vm.reset" | "vm.protection.suspend" | "vm.protection.resume" | "replica.restart" | "replica.migrate" | "replica.kill" | "worker.cordon" | "worker.uncordon" | "worker.drain" | "worker.fence";
            result: {
                [key: string]: unknown;
            } | null;
            state: components["schemas"]["OperationState"];
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updatedAt: string;
            vmId: string | null;
            workerId: string | null;
        };
        OperationList: {
            items: components["schemas"]["Operation"][];
            nextPageToken: string | null;
        };
        /** @enum {string} */
        OperationState: "pending" | "running" | "succeeded" | "failed" | "cancelled";
        PatchVmRequest: {
            labels?: {
                [key: string]: string | null;
            } | null;
            name?: string | null;
            spec?: {
                cmdline?: string | null;
                console?: {
                    headBytes?: number | null;
                    tailBytes?: number | null;
                } | null;
                deletionProtection?: boolean | null;
                /**
                 * @description As the verb that leads there (start, resume, stop, pause), and refused where that is; nothing where it is so already
                 * @enum {string}
                 */
                desiredState?: "running" | "stopped" | "paused";
                /** @description Id, name, or name@sha256:… of an image */
                image?: string;
                machine?: {
                    memoryMiB?: number | null;
                    platform?: "virt" | null;
                    vcpus?: number | null;
                } | null;
                placement?: {
                    antiAffinity?: {
                        domain?: ("worker" | "host" | "zone") | null;
                        policy?: ("required" | "preferred") | null;
                    } | null;
                    workerSelector?: string | null;
                    zones?: string[] | null;
                } | null;
                protection?: {
                    backups?: number | null;
                    maxLagMs?: number | null;
                    mode?: ("lockstep" | "none") | null;
                    outputCommit?: "strict" | null;
                    suspended?: boolean | null;
                } | null;
                restartPolicy?: ("never" | "on_failure" | "always") | null;
                ttlSeconds?: number | null;
            };
        };
        PatchWorkerRequest: {
            labels?: {
                [key: string]: string | null;
            } | null;
        };
        Problem: {
            code: components["schemas"]["ErrorCode"];
            /** @description What is, what was wanted, what to do */
            detail: string;
            errors?: {
                code: string;
                message: string;
                /** @description JSON pointer into the body, or /query/… */
                pointer: string;
            }[];
            instance: string | null;
            operationId?: string | null;
            requestId: string | null;
            retryable: boolean;
            retryAfterMs?: number;
            status: number;
            title: string;
            /** @description /docs/errors#<code> */
            type: string;
        } & {
            [key: string]: unknown;
        };
        /** @enum {string} */
        ProtectionReason: "initializing" | "no_capacity" | "worker_lost" | "connection_lost" | "backup_failed" | "divergence" | "lag_exceeded" | "draining" | "engine_mismatch" | "user_action";
        /** @enum {string} */
        ProtectionState: "off" | "suspended" | "inactive" | "unprotected" | "syncing" | "protected" | "failing_over";
        PutImageAliasRequest: {
            /** @description Id, name, or name@sha256:… of an image */
            image: string;
        };
        Quota: {
            limit: number | null;
            /**
             * @description VMs that are not deleted; memory of their guests, each counted once; images that were uploaded; their kernels and initramfs, each image rounded up
             * @enum {string}
             */
            resource: "vms" | "memory_mib" | "images" | "image_mib";
            usage: number;
        };
        QuotaList: {
            items: components["schemas"]["Quota"][];
            project: string;
        };
        Replica: {
            /** @description Unsigned 64-bit number as a decimal string */
            appliedInstant: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            createdAt: string;
            engine: {
                buildDigest: string;
                version: string;
            };
            id: string;
            joinProgress: number | null;
            lastHeartbeatAt: string | null;
            role: components["schemas"]["ReplicaRole"];
            state: components["schemas"]["ReplicaState"];
            stateReason: string | null;
            transfer: {
                /** @description Percent of its time that the guest has at least meanwhile: less than 90 where it writes faster than its pages are sent */
                guestShare: number;
                /** @description Pages of 4096 bytes that it is known to lack */
                remainingPages: number;
                /** @description Sweep over memory, from 1; from 2 on it is pages that the guest has written meanwhile */
                round: number;
                /** @description Bytes that have been sent of it: compressed on their way to another host */
                sentBytes: number;
                /** @description Bytes of state captured for this backup so far */
                stateBytes: number;
            } | null;
            vmId: string;
            /** @description Id of the worker */
            worker: string;
            workerName: string;
            zone: string | null;
        };
        ReplicaList: {
            items: components["schemas"]["Replica"][];
        };
        /** @enum {string} */
        ReplicaRole: "primary" | "backup";
        /** @enum {string} */
        ReplicaState: "placing" | "syncing" | "live" | "promoting" | "draining" | "lost" | "fenced" | "stopped";
        /** @enum {string} */
        Scope: "vms:read" | "vms:write" | "vms:delete" | "console:read" | "console:write" | "failover:write" | "chaos:write" | "workers:read" | "workers:write" | "images:read" | "images:write" | "events:read" | "audit:read" | "tokens:write" | "admin";
        /** @default {} */
        StopRequest: {
            /** @description How long the guest may take to power itself off before it is ended; 30000 where it is left out */
            graceMs?: number;
        };
        Token: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            createdAt: string;
            createdBy: string | null;
            expiresAt: string | null;
            id: string;
            name: string;
            scopes: components["schemas"]["Scope"][];
        };
        TokenList: {
            items: components["schemas"]["Token"][];
            nextPageToken: string | null;
        };
        Version: {
            api: string;
            capabilities: string[];
            service: string;
            version: string;
        };
        Vm: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            createdAt: string;
            generation: number;
            id: string;
            labels: {
                [key: string]: string;
            };
            name: string | null;
            project: string;
            /** @description Unsigned 64-bit number as a decimal string */
            resourceVersion: string;
            spec: components["schemas"]["VmSpec"];
            status: components["schemas"]["VmStatus"];
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updatedAt: string;
        };
        VmList: {
            items: components["schemas"]["Vm"][];
            nextPageToken: string | null;
            /** @description Unsigned 64-bit number as a decimal string */
            resourceVersion: string;
        };
        VmSpec: {
            cmdline: string;
            /** @description How much of the console's history is kept; it may change while the VM runs. What lies between is not kept: readers are told so. A smaller one drops what is over it, a larger one brings nothing back */
            console: {
                /** @description First bytes that its present guest has written; 0, which is the default: none are kept once they are older than the tail */
                headBytes: number;
                /** @description Newest bytes that are kept for readers who come late; 262144 where it is left out */
                tailBytes: number;
            };
            /** @description It is not deleted, by DELETE (`deletion_protected`) nor by its `ttlSeconds`, until this is false. Its guest may be stopped and killed as ever */
            deletionProtection: boolean;
            /**
             * @description Changed by a PATCH, by the verbs start, stop, kill, pause, resume and reset, and by DELETE
             * @enum {string}
             */
            desiredState: "running" | "stopped" | "paused" | "deleted";
            /** @description name@sha256:…, pinned when the VM was created */
            image: string;
            machine: {
                memoryMiB: number;
                /**
                 * @description The board that guests are made for. virt: RV64GC with the addresses of QEMU's board of that name; there is no other
                 * @enum {string}
                 */
                platform: "virt";
                vcpus: number;
            };
            /** @description Where its replicas may be. A change is for those that are placed from then on; those that are placed stay until they are moved */
            placement: {
                antiAffinity: {
                    /**
                     * @description No two replicas share one: a worker, which is the default and never happens; a host; a zone, which must be known of both then
                     * @enum {string}
                     */
                    domain: "worker" | "host" | "zone";
                    /**
                     * @description required, which is the default: a replica without such a place waits for one (`anti_affinity_unsatisfiable`); preferred: it is placed elsewhere then. Another zone and another host are preferred in any case
                     * @enum {string}
                     */
                    policy: "required" | "preferred";
                };
                workerSelector: string | null;
                /** @description Only on workers of one of these zones; none, which is the default: on any, and on those of no zone */
                zones: string[];
            };
            protection: {
                /** @description Backups wanted; 0 is mode none */
                backups: number;
                maxLagMs: number;
                /**
                 * @description lockstep: backups execute the same instructions, and one takes over; none: a VM that dies with its worker
                 * @enum {string}
                 */
                mode: "lockstep" | "none";
                /**
                 * @description strict: an output leaves once every synced backup has acknowledged the log that it depends on. There is no other rule: by a relaxed one an offset of the console could name two bytes after a failover
                 * @enum {string}
                 */
                outputCommit: "strict";
                /** @description No backup is kept for a while; how many are wanted afterwards stays */
                suspended: boolean;
            };
            /**
             * @description never, which is the default; on_failure: started again where it is failed or its guest panicked; always: where its guest ended itself in any way, too. Its guest begins anew. One that fails again soon is left for longer each time, up to a minute
             * @enum {string}
             */
            restartPolicy: "never" | "on_failure" | "always";
            ttlSeconds: number | null;
        };
        VmSpecRequest: {
            /** @description Kernel command line; the image's own where it is left out */
            cmdline?: string;
            /** @description How much of the console's history is kept; it may change while the VM runs. What lies between is not kept: readers are told so. A smaller one drops what is over it, a larger one brings nothing back */
            console?: {
                /** @description First bytes that its present guest has written; 0, which is the default: none are kept once they are older than the tail */
                headBytes?: number;
                /** @description Newest bytes that are kept for readers who come late; 262144 where it is left out */
                tailBytes?: number;
            };
            /** @description It is not deleted, by DELETE (`deletion_protected`) nor by its `ttlSeconds`, until this is false. Its guest may be stopped and killed as ever */
            deletionProtection?: boolean;
            /**
             * @description running, which is the default; paused: its guest stands still before its first instruction until it is resumed, and can be protected by then; stopped: it is there, and is started later
             * @enum {string}
             */
            desiredState?: "running" | "paused" | "stopped";
            /** @description Id, name, or name@sha256:… of an image */
            image: string;
            machine?: {
                /** @description 128, or what the image needs, where it is left out */
                memoryMiB?: number;
                /**
                 * @description The board that guests are made for. virt: RV64GC with the addresses of QEMU's board of that name; there is no other
                 * @enum {string}
                 */
                platform?: "virt";
                /** @description 1, which is the default */
                vcpus?: number;
            };
            /** @description Where its replicas may be. A change is for those that are placed from then on; those that are placed stay until they are moved */
            placement?: {
                antiAffinity?: {
                    /**
                     * @description No two replicas share one: a worker, which is the default and never happens; a host; a zone, which must be known of both then
                     * @enum {string}
                     */
                    domain?: "worker" | "host" | "zone";
                    /**
                     * @description required, which is the default: a replica without such a place waits for one (`anti_affinity_unsatisfiable`); preferred: it is placed elsewhere then. Another zone and another host are preferred in any case
                     * @enum {string}
                     */
                    policy?: "required" | "preferred";
                };
                workerSelector?: string | null;
                /** @description Only on workers of one of these zones; none, which is the default: on any, and on those of no zone */
                zones?: string[];
            };
            /** @description 1 backup where it is left out; what is left out of it follows from the rest */
            protection?: {
                /** @description Backups wanted; 0 is mode none */
                backups?: number;
                /** @description A backup that trails for longer, in receipt or in execution, is dropped (`lag_exceeded`) and replaced; before that the primary waits for it. The service's default, 2000 unless it was set, where it is left out */
                maxLagMs?: number;
                /**
                 * @description lockstep: backups execute the same instructions, and one takes over; none: a VM that dies with its worker
                 * @enum {string}
                 */
                mode?: "lockstep" | "none";
                /**
                 * @description strict: an output leaves once every synced backup has acknowledged the log that it depends on. There is no other rule: by a relaxed one an offset of the console could name two bytes after a failover
                 * @enum {string}
                 */
                outputCommit?: "strict";
                /** @description No backup is kept for a while; how many are wanted afterwards stays */
                suspended?: boolean;
            };
            /**
             * @description never, which is the default; on_failure: started again where it is failed or its guest panicked; always: where its guest ended itself in any way, too. Its guest begins anew. One that fails again soon is left for longer each time, up to a minute
             * @enum {string}
             */
            restartPolicy?: "never" | "on_failure" | "always";
            ttlSeconds?: number | null;
        };
        /** @enum {string} */
        VmState: "provisioning" | "starting" | "running" | "pausing" | "paused" | "resuming" | "stopping" | "stopped" | "deleting" | "deleted" | "failed";
        VmStatus: {
            conditions: components["schemas"]["Condition"][];
            console: {
                /** @description Unsigned 64-bit number as a decimal string */
                end: string;
                /** @description Unsigned 64-bit number as a decimal string */
                start: string;
                writer: string | null;
            };
            expiresAt: string | null;
            /** @description Unsigned 64-bit number as a decimal string */
            instant: string;
            lastFailover: components["schemas"]["Failover"] | null;
            operationId: string | null;
            protection: {
                /** @description Unsigned 64-bit number as a decimal string */
                lagInstructions: string;
                /** @description How long the oldest record of the log has waited for a synced backup, in receipt and in execution, when it was reported */
                lagMs: number;
                logBytesPerSecond: number;
                reason: components["schemas"]["ProtectionReason"] | null;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC
                 */
                since: string;
                state: components["schemas"]["ProtectionState"];
                /** @description Backups that would take over now; `protected` means at least one */
                syncedBackups: number;
                /** @description `spec.protection.backups`, or 0 while it is suspended; `/wait?for=fully_protected` waits for all of them */
                wantedBackups: number;
            };
            replicas: components["schemas"]["Replica"][];
            /** @description How often it was started again by its restart policy, since somebody started it or a guest of it ran for ten minutes */
            restarts: number;
            state: components["schemas"]["VmState"];
            stateMessage: string | null;
            stateReason: string | null;
            /** @description Fencing number of the VM: +1 at every change of primary or of the set of backups */
            term: number;
        };
        WaitAnswer: {
            reached: boolean;
            vm: components["schemas"]["Vm"];
        };
        Worker: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            createdAt: string;
            id: string;
            /** @description Free key-value pairs */
            labels: {
                [key: string]: string;
            };
            name: string;
            spec: {
                /**
                 * @description Changed by cordon, uncordon, drain and fence
                 * @enum {string}
                 */
                desiredState: "ready" | "cordoned" | "drained" | "fenced";
            };
            status: {
                conditions: components["schemas"]["WorkerCondition"][];
                cores: number;
                engine: {
                    buildDigest: string;
                    version: string;
                };
                host: string;
                /** @description New at each start of the worker's process */
                incarnation: string;
                lastHeartbeatAt: string | null;
                memoryMiB: number;
                /** @description Memory of the replicas placed here */
                memoryPromisedMiB: number;
                nodeVersion: string;
                operationId: string | null;
                pid: number;
                replicas: number;
                state: components["schemas"]["WorkerState"];
                zone: string | null;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC
             */
            updatedAt: string;
        };
        /** @description In Kubernetes' shape; what is wanted of a worker has no generation that could be observed */
        WorkerCondition: {
            /**
             * Format: date-time
             * @description When the worker came into its state. RFC 3339, UTC
             */
            lastTransitionTime: string;
            message: string;
            reason: string;
            /** @enum {string} */
            status: "True" | "False" | "Unknown";
            /** @enum {string} */
            type: "Ready" | "Schedulable" | "ArbiterReachable";
        };
        WorkerList: {
            items: components["schemas"]["Worker"][];
            nextPageToken: string | null;
        };
        /** @enum {string} */
        WorkerState: "joining" | "ready" | "cordoned" | "draining" | "drained" | "unknown" | "lost" | "fenced";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getErrorDocs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example <dt id="vm_not_found"><code>vm_not_found</code></dt><dd>HTTP 404. No such VM. The same call will be refused again.</dd> */
                    "text/html": string;
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down";
                    };
                };
            };
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down";
                    };
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example # HELP understudy_divergence_total Backups that were ejected because their state differed, as far as this control plane has recorded them
                     *     # TYPE understudy_divergence_total counter
                     *     understudy_divergence_total 0
                     */
                    "text/plain": string;
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    getOpenApi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.0",
                     *       "info": {
                     *         "title": "Understudy"
                     *       },
                     *       "paths": {}
                     *     }
                     */
                    "application/json": Record<string, never>;
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down";
                    };
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down";
                    };
                };
            };
        };
    };
    listAuditLog: {
        parameters: {
            query?: {
                /** @description Only calls that were answered before */
                endTime?: string;
                pageSize?: number;
                pageToken?: string;
                /** @description Only calls that were answered then or later */
                startTime?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntryList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description Unsigned 64-bit number as a decimal string */
                after?: string;
                /** @description Only what has these labels: `env=prod,tier!=db,owner,!retired`, all of them; `!=` holds also where there is none */
                labelSelector?: string;
                /** @description JSON only */
                pageSize?: number;
                /** @description Comma-separated; `vm.failover.*` stands for all that begin so */
                types?: string;
                /** @description Id or name of a VM */
                vm?: string;
            };
            header?: {
                /** @description As `after`: what an SSE client sends when it comes back */
                "last-event-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                    /**
                     * @example id: 57
                     *     event: vm.failover.completed
                     *     data: {"seq":"57","id":"evt_01KJM6Z200B1C2D3E4F5G6H7J8","type":"vm.failover.completed","time":"2026-03-01T09:10:00.031Z","project":"default","vmId":"vm_01KJM5Q2W0E8Y6T4R2Q0N8M6K4","term":3,"cause":"user_action","actor":{"type":"user","id":"tok_01KJM4Z0A1B2C3D4E5F6G7H8J9"},"operationId":"op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0","requestId":"req_01KJM6Z1Y0A1B2C3D4E5F6G7H8","data":{"failoverId":"fo_01KJM6Z1Z9Y8X7W6V5T4S3R2Q1","gapMs":{"total":4.5}}}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `event_cursor_expired`: The event cursor is none of the events that are kept */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "event_cursor_expired";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    getImageAlias: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description RFC 1123 label that starts with a letter, unique in the project */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Counts its moves */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageAlias"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_alias_not_found`: No such image alias */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_alias_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    putImageAlias: {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the alias that the caller saw, such as "v1" */
                "if-match"?: string;
            };
            path: {
                /** @description RFC 1123 label that starts with a letter, unique in the project */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PutImageAliasRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Counts its moves */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageAlias"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_not_found`: No such image */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_not_found";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `if_match_required`: If-Match must say what was seen */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "if_match_required";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    deleteImageAlias: {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the alias that the caller saw, such as "v1" */
                "if-match"?: string;
            };
            path: {
                /** @description RFC 1123 label that starts with a letter, unique in the project */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageAlias"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_alias_not_found`: No such image alias */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_alias_not_found";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `if_match_required`: If-Match must say what was seen */
            428: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "if_match_required";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listImages: {
        parameters: {
            query?: {
                pageSize?: number;
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImageList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    createImage: {
        parameters: {
            query?: {
                /** @description Instead of the name in the archive: by that it is another image */
                name?: string;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description Of the archive: `sha-256=:<base64>:` */
                "repr-digest"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImageSourceRequest"];
                /** @example manifest.json, kernel and initramfs */
                "application/x-tar": string;
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the image */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Image"];
                };
            };
            /** @description Done */
            201: {
                headers: {
                    /** @description Path of the image */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Image"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request. `digest_mismatch`: The bytes are not those of the digest. `unsupported_machine`: The machine cannot run this */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused" | "digest_mismatch" | "unsupported_machine";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often. `quota_exceeded`: There are as many as there may be */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited" | "quota_exceeded";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    getImage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id, alias, name, or name@sha256:… */
                image: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Image"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_not_found`: No such image */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    deleteImage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id, alias, name, or name@sha256:… */
                image: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Image"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_not_found`: No such image */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_not_found";
                    };
                };
            };
            /** @description `image_in_use`: The image is in use */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_in_use";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    getImageContent: {
        parameters: {
            query?: never;
            header?: {
                /** @description ETags: if it is one of them, 304 is answered */
                "if-none-match"?: string;
                /** @description ETag: if it is another, all of it is sent */
                "if-range"?: string;
                /** @description Such as `bytes=1048576-` */
                range?: string;
            };
            path: {
                /** @description Id, alias, name, or name@sha256:… */
                image: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of it */
            200: {
                headers: {
                    /** @description bytes */
                    "Accept-Ranges"?: string;
                    /** @description Of a range */
                    "Content-Range"?: string;
                    /** @description Names the image's content */
                    ETag?: string;
                    /** @description sha-256 of the whole archive (RFC 9530), also with a range of it */
                    "Repr-Digest"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /** @example manifest.json, kernel and initramfs */
                    "application/x-tar": string;
                };
            };
            /** @description The range */
            206: {
                headers: {
                    /** @description bytes */
                    "Accept-Ranges"?: string;
                    /** @description Of a range */
                    "Content-Range"?: string;
                    /** @description Names the image's content */
                    ETag?: string;
                    /** @description sha-256 of the whole archive (RFC 9530), also with a range of it */
                    "Repr-Digest"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /** @example manifest.json, kernel and initramfs */
                    "application/x-tar": string;
                };
            };
            /** @description It is the one that the caller has */
            304: {
                headers: {
                    /** @description bytes */
                    "Accept-Ranges"?: string;
                    /** @description Of a range */
                    "Content-Range"?: string;
                    /** @description Names the image's content */
                    ETag?: string;
                    /** @description sha-256 of the whole archive (RFC 9530), also with a range of it */
                    "Repr-Digest"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_not_found`: No such image */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_not_found";
                    };
                };
            };
            /** @description `range_not_satisfiable`: There are no such bytes */
            416: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "range_not_satisfiable";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    listOperations: {
        parameters: {
            query?: {
                kind?: "vm.create" | "vm.delete" | "vm.failover" | "vm.start" | "vm.stop" | "vm.kill" | "vm.pause" | "vm.resume" | "vm.reset" | "vm.protection.suspend" | "vm.protection.resume" | "replica.restart" | "replica.migrate" | "replica.kill" | "worker.cordon" | "worker.uncordon" | "worker.drain" | "worker.fence";
                pageSize?: number;
                pageToken?: string;
                state?: components["schemas"]["OperationState"];
                /** @description Id or name of a VM */
                vm?: string;
                /** @description Id or name of a worker */
                worker?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "worker_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    getOperation: {
        parameters: {
            query?: {
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: never;
            path: {
                /** @description Id */
                operation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `operation_not_found`: No such operation */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "operation_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    cancelOperation: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id */
                operation: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `operation_not_found`: No such operation */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "operation_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listQuotas: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuotaList"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listTokens: {
        parameters: {
            query?: {
                pageSize?: number;
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    createToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTokenRequest"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    /** @description Path of the token */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedToken"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    revokeToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `token_not_found`: No such token */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "token_not_found";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    getVersion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listVms: {
        parameters: {
            query?: {
                /** @description Only what has these labels: `env=prod,tier!=db,owner,!retired`, all of them; `!=` holds also where there is none */
                labelSelector?: string;
                name?: string;
                /** @description VMs without a name come first by `name`. A page token is good for its order */
                orderBy?: "createdAt" | "createdAt desc" | "name" | "name desc";
                pageSize?: number;
                pageToken?: string;
                /** @description Only VMs whose protection is in this state */
                protection?: "off" | "suspended" | "inactive" | "unprotected" | "syncing" | "protected" | "failing_over";
                /** @description Only VMs in this state; deleted ones only if asked for */
                state?: "provisioning" | "starting" | "running" | "pausing" | "paused" | "resuming" | "stopping" | "stopped" | "deleting" | "deleted" | "failed";
                /** @description Only VMs with a replica on this worker, by id or name */
                worker?: string;
                /** @description Only VMs with a replica in this zone */
                zone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VmList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    createVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateVmRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Generation of its spec */
                    ETag?: string;
                    /** @description Path of the VM */
                    Location?: string;
                    /** @description The operation that brings it up */
                    "Operation-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            201: {
                headers: {
                    /** @description Generation of its spec */
                    ETag?: string;
                    /** @description Path of the VM */
                    Location?: string;
                    /** @description The operation that brings it up */
                    "Operation-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `image_not_found`: No such image */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "image_not_found";
                    };
                };
            };
            /** @description `name_taken`: The name is in use. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "name_taken" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often. `quota_exceeded`: There are as many as there may be */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited" | "quota_exceeded";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    getVm: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Generation of its spec */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    deleteVm: {
        parameters: {
            query?: {
                /** @description Where there is no such VM: 200 with an operation of nothing that has succeeded. Not with `dryRun`, which has no VM to show */
                allowMissing?: boolean;
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The operation of the first call; with `dryRun` the VM as it would be */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0",
                     *       "kind": "vm.failover",
                     *       "state": "succeeded",
                     *       "vmId": "vm_01KJM5Q2W0E8Y6T4R2Q0N8M6K4",
                     *       "workerId": null,
                     *       "result": {
                     *         "id": "fo_01KJM6Z1Z9Y8X7W6V5T4S3R2Q1",
                     *         "vmId": "vm_01KJM5Q2W0E8Y6T4R2Q0N8M6K4",
                     *         "mode": "test",
                     *         "cause": "user_action",
                     *         "state": "completed",
                     *         "from": "rep_01KJM5Q4M0P8Q6R4S2T0V8W6X4",
                     *         "to": "rep_01KJM5Q2ZC9A7B5C3D1E0F8G6H",
                     *         "term": 3,
                     *         "gapMs": {
                     *           "detect": 0,
                     *           "arbitrate": 3.1,
                     *           "promote": 1.4,
                     *           "total": 4.5,
                     *           "firstOutput": 0.8,
                     *           "client": 22.4
                     *         },
                     *         "stateHash": {
                     *           "match": true,
                     *           "instant": "9118000000",
                     *           "value": "5c0ffee5c0ffee00"
                     *         },
                     *         "instant": "8120334021",
                     *         "consoleEnd": "20481",
                     *         "operationId": "op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0",
                     *         "startedAt": "2026-03-01T09:10:00.000Z",
                     *         "completedAt": "2026-03-01T09:10:00.031Z"
                     *       },
                     *       "error": null,
                     *       "createdAt": "2026-03-01T09:10:00.000Z",
                     *       "updatedAt": "2026-03-01T09:10:00.031Z",
                     *       "completedAt": "2026-03-01T09:10:00.031Z"
                     *     }
                     */
                    "application/json": components["schemas"]["Operation"] | components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `deletion_protected`: The VM is protected from deletion */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "deletion_protected";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    updateVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
            };
            header?: {
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchVmRequest"];
                "application/merge-patch+json": components["schemas"]["PatchVmRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Generation of its spec */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `image_not_found`: No such image */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "image_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `name_taken`: The name is in use. `operation_in_progress`: Another operation is in progress */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "name_taken" | "operation_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often. `quota_exceeded`: There are as many as there may be */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited" | "quota_exceeded";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `image_store_error`: The image store fails */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "image_store_error";
                    };
                };
            };
        };
    };
    attachConsole: {
        parameters: {
            query?: {
                /** @description Offset in the VM's output, `start` (the oldest that is held), `end`, or `tail:<bytes>` */
                from?: string;
                /** @description UUID of the input session to open or resume */
                inputSession?: string;
                /** @description write: also with the right to type, which one session has */
                mode?: "read" | "write";
                /** @description Take the right to write from whoever has it */
                takeover?: boolean;
                /** @description In the place of a token */
                ticket?: string;
            };
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Switched to the WebSocket */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this. `origin_not_allowed`: This origin may not connect */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing" | "origin_not_allowed";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `console_writer_busy`: Another session may write. `input_session_expired`: The input session is no longer known */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "console_writer_busy" | "input_session_expired";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `upgrade_required`: This route is a WebSocket */
            426: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "upgrade_required";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often. `quota_exceeded`: There are as many as there may be */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited" | "quota_exceeded";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
            /** @description `worker_timeout`: The worker did not answer in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_timeout";
                    };
                };
            };
        };
    };
    typeConsoleInput: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConsoleInputRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsoleInputAck"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `console_writer_busy`: Another session may write. `input_session_expired`: The input session is no longer known. `input_offset_gap`: Input bytes are missing */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "console_writer_busy" | "input_session_expired" | "input_offset_gap";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
            /** @description `worker_timeout`: The worker did not answer in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_timeout";
                    };
                };
            };
        };
    };
    readConsoleOutput: {
        parameters: {
            query?: {
                /** @description Offset in the VM's output, `start` (the oldest that is held), `end`, or `tail:<bytes>` */
                from?: string;
                maxBytes?: number;
                /** @description Seconds to wait for a byte, where there is none */
                wait?: number;
            };
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes; none where there is nothing behind `from` yet */
            200: {
                headers: {
                    /** @description Only where bytes from `from` on are not kept: `<first>-<last>` of them, offsets, both included */
                    "Console-Gap"?: string;
                    /** @description Offset after the last one */
                    "Console-Offset-Next"?: string;
                    /** @description Offset of the oldest byte that is kept */
                    "Console-Offset-Oldest"?: string;
                    /** @description Offset of the first byte of the answer */
                    "Console-Offset-Start"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example Welcome to Debian GNU/Linux
                     *     #
                     */
                    "application/octet-stream": string;
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
            /** @description `worker_timeout`: The worker did not answer in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_timeout";
                    };
                };
            };
        };
    };
    listConsoleSessions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsoleSessionList"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    endConsoleSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id */
                session: string;
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsoleSession"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `console_session_not_found`: No such console session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "console_session_not_found";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    createConsoleTicket: {
        parameters: {
            query?: never;
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ConsoleTicketRequest"];
            };
        };
        responses: {
            /** @description Done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsoleTicket"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listVmEvents: {
        parameters: {
            query?: {
                /** @description Unsigned 64-bit number as a decimal string */
                after?: string;
                /** @description JSON only */
                pageSize?: number;
                /** @description Comma-separated; `vm.failover.*` stands for all that begin so */
                types?: string;
            };
            header?: {
                /** @description As `after`: what an SSE client sends when it comes back */
                "last-event-id"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                    /**
                     * @example id: 57
                     *     event: vm.failover.completed
                     *     data: {"seq":"57","id":"evt_01KJM6Z200B1C2D3E4F5G6H7J8","type":"vm.failover.completed","time":"2026-03-01T09:10:00.031Z","project":"default","vmId":"vm_01KJM5Q2W0E8Y6T4R2Q0N8M6K4","term":3,"cause":"user_action","actor":{"type":"user","id":"tok_01KJM4Z0A1B2C3D4E5F6G7H8J9"},"operationId":"op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0","requestId":"req_01KJM6Z1Y0A1B2C3D4E5F6G7H8","data":{"failoverId":"fo_01KJM6Z1Z9Y8X7W6V5T4S3R2Q1","gapMs":{"total":4.5}}}
                     */
                    "text/event-stream": string;
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `event_cursor_expired`: The event cursor is none of the events that are kept */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "event_cursor_expired";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    failOverVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FailoverRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `replica_not_found`: No such replica */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "replica_not_found";
                    };
                };
            };
            /** @description `not_protected`: The VM has no backup that could take over. `term_mismatch`: The VM is in another term. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "not_protected" | "term_mismatch" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `no_backup_available`: The backup cannot be reached */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "no_backup_available";
                    };
                };
            };
            /** @description `worker_timeout`: The worker did not answer in time */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_timeout";
                    };
                };
            };
        };
    };
    listFailovers: {
        parameters: {
            query?: {
                pageSize?: number;
                pageToken?: string;
            };
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FailoverList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    getFailover: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id */
                failover: string;
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Failover"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `failover_not_found`: No such failover */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "failover_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    killVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    pauseVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    resumeProtection: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    suspendProtection: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listReplicas: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReplicaList"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    killReplica: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id */
                replica: string;
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `replica_not_found`: No such replica */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "replica_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    migrateReplica: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id */
                replica: string;
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["MigrateRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `replica_not_found`: No such replica. `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "replica_not_found" | "worker_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer. `no_capacity`: No worker has room. `anti_affinity_unsatisfiable`: Only workers that hold a replica of the VM have room. `engine_mismatch`: No worker with room runs the same build */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable" | "no_capacity" | "anti_affinity_unsatisfiable" | "engine_mismatch";
                    };
                };
            };
        };
    };
    restartReplica: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id */
                replica: string;
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM. `replica_not_found`: No such replica */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found" | "replica_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    resetVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    resumeVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `operation_in_progress`: Another operation is in progress. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "operation_in_progress" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    startVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    stopVm: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
                /** @description ETag of the spec that the caller saw, such as "g1" */
                "if-match"?: string;
            };
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StopRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Vm"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `vm_deleted`: The VM was deleted */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_deleted";
                    };
                };
            };
            /** @description `etag_mismatch`: The VM has changed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "etag_mismatch";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    waitForVm: {
        parameters: {
            query: {
                /** @description `settled`: nothing is on its way, neither an operation nor a backup. `condition:Protected=True` and the like: a type and a status of `status.conditions` */
                for: string;
                /** @description Seconds */
                timeout?: number;
            };
            header?: never;
            path: {
                /** @description Id or name */
                vm: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WaitAnswer"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `vm_not_found`: No such VM */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "vm_not_found";
                    };
                };
            };
            /** @description `wait_target_unreachable`: The VM cannot get there */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "wait_target_unreachable";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    whoami: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Identity"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    listWorkers: {
        parameters: {
            query?: {
                /** @description Only what has these labels: `env=prod,tier!=db,owner,!retired`, all of them; `!=` holds also where there is none */
                labelSelector?: string;
                pageSize?: number;
                pageToken?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerList"];
                };
            };
            /** @description `bad_request`: The request is not understood. `bad_page_token`: The page token is not one of ours */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "bad_page_token";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    getWorker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description `bad_request`: The request is not understood */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    deleteWorker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `worker_not_drained`: The worker holds replicas. `invalid_state`: Operation not allowed in the current state */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_drained" | "invalid_state";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    updateWorker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchWorkerRequest"];
                "application/merge-patch+json": components["schemas"]["PatchWorkerRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    cordonWorker: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    drainWorker: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DrainRequest"];
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `invalid_state`: Operation not allowed in the current state. `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "invalid_state" | "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    fenceWorker: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
    uncordonWorker: {
        parameters: {
            query?: {
                /** @description Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up */
                dryRun?: boolean;
                /** @description Seconds to wait for the operation's end */
                wait?: number;
            };
            header?: {
                /** @description A repeat with the same key and body gets the first answer; kept for 24 hours */
                "idempotency-key"?: string;
            };
            path: {
                /** @description Id or name */
                worker: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done */
            200: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            /** @description Done */
            202: {
                headers: {
                    /** @description Path of the operation */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `bad_request`: The request is not understood. `malformed_json`: The body is not JSON. `bad_idempotency_key`: The idempotency key is not usable */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "bad_request" | "malformed_json" | "bad_idempotency_key";
                    };
                };
            };
            /** @description `unauthenticated`: No valid token. `token_expired`: The token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unauthenticated" | "token_expired";
                    };
                };
            };
            /** @description `scope_missing`: The token may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "scope_missing";
                    };
                };
            };
            /** @description `worker_not_found`: No such worker */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "worker_not_found";
                    };
                };
            };
            /** @description `idempotency_in_progress`: The first request with this key still runs */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "idempotency_in_progress";
                    };
                };
            };
            /** @description `payload_too_large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "payload_too_large";
                    };
                };
            };
            /** @description `unsupported_media_type`: The media type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "unsupported_media_type";
                    };
                };
            };
            /** @description `validation_failed`: The request is not valid. `idempotency_key_reused`: The idempotency key belongs to another request */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "validation_failed" | "idempotency_key_reused";
                    };
                };
            };
            /** @description `rate_limited`: Asked too often */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "rate_limited";
                    };
                };
            };
            /** @description `internal_error`: Our fault */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "internal_error";
                    };
                };
            };
            /** @description `shutting_down`: The service is shutting down. `arbiter_unavailable`: The database does not answer */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code?: "shutting_down" | "arbiter_unavailable";
                    };
                };
            };
        };
    };
}
