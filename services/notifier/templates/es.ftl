# Las palabras de los correos y avisos, en español. Lo que significan los valores está en en.ftl.

## People

somebody = Alguien
the-platform = La plataforma
through = { $name } (a través de { $service })
list-two = { $first } y { $second }
list-three = { $first }, { $second } y { $third }
list-more = { $first }, { $second } y { $count ->
    [one] { $count } persona más
   *[other] { $count } personas más
}

## Things

kind = { $kind ->
    [campaign] La campaña
    [ab_test] La prueba A/B
    [remote_config] La variable de configuración remota
   *[other] El recurso ({ $kind-words })
}
# Después de «para».
area = { $area ->
    [CAMPAIGNS] campañas
    [PRODUCT_EXPERIENCES] experiencias de producto
   *[other] { $area-words }
}
# Después de «está en estado».
state = { $state ->
    [DRAFT] «borrador»
    [SCHEDULED] «programado»
    [RUNNING] «en curso»
    [PAUSED] «en pausa»
    [FINISHED] «finalizado»
    [COMPLETED] «completado»
    [STOPPED] «detenido»
    [LIVE] «publicado»
    [ARCHIVED] «archivado»
    [DELETED] «eliminado»
   *[other] «{ $state-words }»
}
# Después de «aprobación para», «la solicitud de».
deed = { $action ->
    [PUBLISH_EDITS] publicar los cambios de «{ $title }»
    [LAUNCH] lanzar «{ $title }»
    [START] iniciar «{ $title }»
    [SCHEDULE] programar «{ $title }»
    [UNSCHEDULE] cancelar la programación de «{ $title }»
    [PAUSE] pausar «{ $title }»
    [RESUME] reanudar «{ $title }»
    [FINISH] finalizar «{ $title }»
    [STOP] detener «{ $title }»
    [ARCHIVE] archivar «{ $title }»
    [PUBLISH] publicar «{ $title }»
    [DELETE] eliminar «{ $title }»
   *[other] ejecutar la acción «{ $action-words }» en «{ $title }»
}
deed-title = { deed }
thing = { $action ->
    [PUBLISH_EDITS] Publicación de los cambios
    [LAUNCH] Lanzamiento
    [START] Inicio
    [SCHEDULE] Programación
    [UNSCHEDULE] Cancelación de la programación
    [PAUSE] Pausa
    [RESUME] Reanudación
    [FINISH] Finalización
    [PUBLISH] Publicación
    [DELETE] Eliminación
   *[other] Acción «{ $action-words }»
}: { $kind ->
    [campaign] campaña
    [ab_test] prueba A/B
    [remote_config] variable de configuración remota
   *[other] { $kind-words }
} «{ $title }»
now = { kind } está ahora en estado { state }.
unchanged = No ha cambiado nada. { kind } está en estado { state }.
moment = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
} de { $year }, { $hour }:{ $minute } ({ $zone })
unknown-moment = en un momento desconocido

## Every mail

hello = Hola, { $name }:
hello-nobody = Hola:
reason = Recibe este correo porque { $reason ->
    [ASSIGNED_APPROVER] se le eligió para aprobar esta solicitud
    [AREA_APPROVER] puede dar aprobaciones para { area }
    [SUBMITTER] envió esta solicitud
    [OWNER] es responsable de lo que se trata
    [ADMIN] es Admin de esta cuenta
    [INVITED] se le invita a unirse a esta cuenta
   *[other] es miembro de esta cuenta
}.
colon = :
footer = Enviado por Countersign. Abrir el enlace no decide nada; se decide en la página.
view-request = Ver la solicitud
review-request = Revisar la solicitud
note-from = Nota de { $name }
feedback-from = Comentarios de { $name }

## Facts, as label and value

fact-account = Cuenta
fact-what = Qué
fact-leads-to = Lleva a
fact-submitted-by = Solicitado por
fact-approved-by = Aprobado por
fact-rejected-by = Rechazado por
fact-cancelled-by = Cancelado por
fact-applied-by = Aplicado por
fact-closed-by = Revisión cerrada por
fact-lost = Ya no decide
fact-when = Cuándo
fact-audience = Audiencia
audience-active = Clientes (lanzamiento activo)
audience-test = Solo dispositivos de prueba
audience-passive = Nadie (lanzamiento pasivo)
fact-starts = Empieza
fact-ends = Termina
fact-winner = Variante ganadora
fact-approvals = Aprobaciones
approvals = { $approvals } de { $required ->
    [one] { $required } aprobación
   *[other] { $required } aprobaciones
}
approvals-so-far = { $approvals } de { $required }
fact-decide-by = Decidir antes de
fact-invited-by = Invitación de
fact-roles = { $count ->
    [one] Su rol
   *[other] Sus roles
}
fact-accept-by = Aceptar antes de

## Approval requests

submitted =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } pide aprobación para { deed }
    .consequence = Nada cambia para los clientes hasta que se decida, y mientras tanto no se puede editar.
approval-recorded =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } ha aprobado la solicitud de { deed }
    .consequence = Ya tiene { approvals }.
assignment-expired =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $lost } ya no { $count ->
        [one] puede
       *[other] pueden
    } decidir la solicitud de { deed }
    .consequence = { $voided ->
        [0] Las demás personas consultadas siguen pudiendo decidir; la solicitud sigue a la espera.
       *[other] Lo que habían aprobado ya no cuenta: la solicitud tiene ahora { approvals } y sigue a la espera de una decisión.
    }
reassigned =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } le pide que decida la solicitud de { deed }
    .consequence = Se han cambiado los aprobadores y ahora usted es uno de ellos. Nada cambia para los clientes hasta que se decida.
reminded =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = La solicitud de { deed } sigue a la espera de una decisión
    .consequence = Usted es una de las personas que pueden decidirla. Nada cambia para los clientes hasta entonces.
commented =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } ha comentado la solicitud de { deed }
    .consequence = La solicitud sigue a la espera de una decisión.
    .quote = Comentario de { $actor }
approved =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } ha aprobado la solicitud de { deed }
    .consequence = { now }
rejected =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } ha rechazado la solicitud de { deed }
    .consequence = { unchanged }
cancelled =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = { $actor } ha cancelado la solicitud de { deed }
    .consequence = Ya no queda nada por decidir. { unchanged }
expired =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = La solicitud de { deed } ha caducado
    .consequence = { $expiry ->
        [NO_ELIGIBLE_APPROVERS] No quedaba nadie que pudiera decidirla.
       *[other] Nadie la decidió a tiempo.
    } { kind } se puede editar de nuevo; para continuar, envíe otra solicitud.
reverted =
    .subject = Solicitud de aprobación: { deed-title }
    .headline = La solicitud de { deed } ha terminado
    .consequence = { $actor } ha desactivado las aprobaciones para { area }. { unchanged }

## Several reminders in one mail

reminders =
    .subject = { $count ->
        [one] { $count } solicitud espera su decisión
       *[other] { $count } solicitudes esperan su decisión
    }
    .headline = { $count ->
        [one] { $count } solicitud espera su decisión
       *[other] { $count } solicitudes esperan su decisión
    }
    .consequence = Nada cambia para los clientes hasta que se decidan.
    .reason = Recibe este correo porque es una de las personas que pueden decidir estas solicitudes.
    .footer = Enviado por Countersign. Abrir un enlace no decide nada; se decide en la página.

## Emergency bypasses and their reviews

bypassed =
    .subject = Omisión de emergencia: { deed-title }
    .headline = { $actor } ha omitido la aprobación para { deed }
    .consequence = Se aplicó de inmediato, por una emergencia. { now } Alguien distinto de { $actor } tiene que examinarlo y cerrar la revisión.
    .quote = Motivo indicado por { $actor }
    .link = Abrir la revisión
review-closed =
    .subject = Omisión de emergencia: { deed-title }
    .headline = { $actor } ha cerrado la revisión de una omisión de { $bypasser }
    .consequence = Se había omitido la aprobación para { deed }. No queda nada por hacer.
    .link = Ver la revisión

## The workflow of an area

workflow-enabled =
    .subject = Aprobaciones activadas para { area }
    .headline = { $actor } ha activado las aprobaciones para { area }
    .consequence = A partir de ahora, todo cambio que llegue a los clientes espera a una segunda persona.
workflow-disabled =
    .subject = Aprobaciones desactivadas para { area }
    .headline = { $actor } ha desactivado las aprobaciones para { area }
    .consequence = A partir de ahora, los cambios surten efecto de inmediato. Las solicitudes pendientes han terminado; los cambios enviados se conservan.
## A policy that got weaker

policy-weakened =
    .subject = Reglas de aprobación menos estrictas para { area }
    .headline = { $actor } ha hecho menos estrictas las reglas de aprobación para { area }
    .consequence = Recibe este correo porque la segunda firma protege menos a partir de ahora. Si le sorprende, hable con { $actor } o con otro administrador.
# The settings of a policy. $setting-words: for one that has no words here.
setting = { $setting ->
    [enabled] Aprobaciones
    [required_approvals] Aprobaciones necesarias
    [allow_self_approval] Quien envía puede aprobar lo suyo
    [exclude_authors] Los autores no aprueban
    [cancellation] Quién puede cancelar
    [request_max_age] Las solicitudes caducan tras
    [minimum_lead_time] Antelación mínima del lanzamiento
    [cooling_off] Espera tras un debilitamiento
   *[other] { $setting-words }
}
setting-change = { $before } → { $after }
setting-value = { $value ->
    [true] sí
    [false] no
    [NOBODY] nadie
    [WRITERS] quienes editan, aprobadores y administradores
   *[other] { $value-words }
}
# $unit: the largest one of which there are $count whole ones.
span = { $unit ->
    [days] { $count ->
        [one] { $count } día
       *[other] { $count } días
    }
    [hours] { $count ->
        [one] { $count } hora
       *[other] { $count } horas
    }
    [minutes] { $count ->
        [one] { $count } minuto
       *[other] { $count } minutos
    }
   *[seconds] { $count ->
        [one] { $count } segundo
       *[other] { $count } segundos
    }
}
span-never = nunca
fact-changed-by = Cambiado por
fact-cooling-off-until = No aprueba hasta
open-countersign = Abrir Countersign

## Invitations

an-account = una cuenta
invitation =
    .subject = Invitación a { $account }
    .headline = { $actor } le invita a unirse a { $account } en Countersign
    .consequence = Para ser miembro, acepte la invitación. Puede hacerlo una vez.
    .consequence-until = Para ser miembro, acepte la invitación. Puede hacerlo una vez, hasta el { $until }.
    .link = Ver la invitación
    .footer = Enviado por Countersign. Abrir el enlace no acepta nada; se acepta en la página. El enlace es solo para usted: no lo comparta. Si no esperaba la invitación, no tiene que hacer nada.

## Ribbons

ribbon-decide = { $actor } pide aprobación para { deed }
ribbon-awaiting = A la espera de aprobación: { $actor } ha pedido { deed }
ribbon-approved = { $actor } ha aprobado la solicitud de { deed }
ribbon-rejected = { $actor } ha rechazado la solicitud de { deed }
ribbon-cancelled = { $actor } ha cancelado la solicitud de { deed }
ribbon-expired = La solicitud de { deed } ha caducado: { $expiry ->
    [NO_ELIGIBLE_APPROVERS] no quedaba nadie que pudiera decidirla
   *[other] nadie la decidió a tiempo
}
ribbon-reverted = La solicitud de { deed } ha terminado: se desactivaron las aprobaciones
ribbon-updated = La solicitud de { deed } se ha actualizado
ribbon-review = { $actor } ha omitido la aprobación para { deed }: la revisión está abierta
